"""Conditions that a dataset's answers must meet before a check can judge by them."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar

from dejabatch.findings import cannot_tell
from dejabatch.observe.record import Answers, Observation

T = TypeVar("T")

_MORE_TIME: Final = "raise time_limit"


def answers_of(observation: Observation, *, again: bool = True) -> Answers:
    """Return what the dataset gave when it was asked for one sample again.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        The observation.
    again : bool
        Whether the check needs one sample made more than once, which an iterable dataset
        cannot do.

    Raises
    ------
    dejabatch.findings.CannotTell
        If the answers are missing, or if the sample is not reproducible.
    """
    answers = observation.answers
    if answers is None:
        facts = observation.facts
        asked = facts is not None and facts.data_loader and observation.fetches
        if asked and not observation.orders() and facts is not None and facts.map_style:
            cannot_tell("the indices are not integers, and no sample was made again")
        cannot_tell("no sample was made again", _MORE_TIME if asked else "")
    if again and observation.facts is not None and not observation.facts.map_style:
        cannot_tell("an iterable dataset cannot be asked for one sample again")
    missing = (
        answers.first_in_new_process is None if again else answers.overwritten is None
    )
    if missing:
        cannot_tell(answers.error or "no sample was made again", _remedy(answers))
    if again and not answers.reproducible:
        cannot_tell("a sample differs each time, whatever its random generators")
    return answers


def required(answers: Answers, answer: T | None) -> T:
    """Return the answer to one question.

    Raises
    ------
    dejabatch.findings.CannotTell
        If the question was not answered.
    """
    if answer is None:
        reason = answers.error or "the dataset could not be asked for it"
        cannot_tell(reason, _remedy(answers))
    return answer


def _remedy(answers: Answers) -> str:
    """Return what would let the dataset answer; empty if the question was not asked."""
    if answers.error is None:
        return ""
    if answers.error.endswith("too long"):
        return _MORE_TIME
    return "dataset[index] must work a second time"


def changed(answers: Answers, *kinds: str) -> str | None:
    """Return the shortest path of a changed object of these kinds."""
    paths = [path for path, kind in answers.changed_objects.items() if kind in kinds]
    return min(paths, key=len, default=None)


def counts_its_calls(answers: Answers) -> bool:
    """Return whether two indices have one first sample, and the second one differs."""
    return (
        answers.changes_by_itself
        and answers.first == answers.other_index_first
        and answers.index != answers.other
    )


def hidden_generator(answers: Answers) -> str | None:
    """Return a module whose generator, out of reach, may explain another second sample.

    A generator in C++ code, whose numbers are stored, shows like an edit of the numbers.
    """
    hidden = answers.unreachable_generators
    if hidden and answers.after_other_index != answers.first:
        return hidden[0]
    return None


def edited_object(answers: Answers) -> tuple[str, str] | None:
    """Return what making a sample edits in place and thereby changes the next one.

    Returns
    -------
    path : str
        The array, or the list or dictionary that holds all values that were replaced.
    kind : str
        ``"array"``, ``"value"``, ``"container"``, ``"replaced"`` or ``"moved"``.
    """
    if not answers.changes_by_itself or counts_its_calls(answers):
        return None
    if hidden_generator(answers):
        return None
    # A list that grows may be a cache. It is an edit if it makes this sample another one.
    local = answers.after_other_index == answers.first
    return likeliest_edit(answers.edited_objects, local=local)


def likeliest_edit(edited: Mapping[str, str], *, local: bool) -> tuple[str, str] | None:
    """Return which of several edits explains that samples have changed.

    Parameters
    ----------
    edited : mapping of str to str
        Paths with the kinds that `dejabatch.state.reach.edits` returns.
    local : bool
        Whether each sample changes only what it reads itself.

    Returns
    -------
    path, kind : str
        As for `edited_object`.
    """
    arrays = [path for path, kind in edited.items() if kind == "array"]
    if arrays:
        return min(arrays, key=len), "array"
    values = [path for path, kind in edited.items() if kind == "value"]
    if not local:
        # A single number of a container, which all samples change, counts them.
        numbers = Counter(map(_holder, values))
        values = [path for path in values if numbers[_holder(path)] > 1]
    if values:
        return _common_holder(values), "value"
    held = [
        path for path in edited if edited[path] == "container" and path.endswith("]")
    ]
    if held and local:
        return max(held, key=len), "container"
    replaced = [path for path, kind in edited.items() if kind == "replaced"]
    if replaced and local:
        return min(replaced, key=len), "replaced"
    moved = [_holder(path) for path, kind in edited.items() if kind == "moved"]
    return (min(moved, key=len), "moved") if moved and local else None


def _holder(path: str) -> str:
    return path[: path.rfind("[")]


def _common_holder(paths: list[str]) -> str:
    """Return the path of the innermost container that holds all values."""
    holder = min(map(_holder, paths), key=len)
    while not all(path.startswith((f"{holder}[", f"{holder}.")) for path in paths):
        holder = holder[: max(holder.rfind("["), holder.rfind("."))]
    return holder
