"""What a check needs of a dataset's answers before it can judge by them."""

from typing import TypeVar

from dejabatch.observe.record import Answers, Observation
from dejabatch.report import CannotTell

T = TypeVar("T")


def answers_of(observation: Observation, *, again: bool = True) -> Answers:
    """Return the answers to having been asked for one sample again.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What was seen.
    again : bool
        Whether the sample has to have been made more than once, which nobody can ask of
        an iterable dataset.

    Raises
    ------
    CannotTell
        If there are none.
    """
    answers = observation.answers
    if answers is None:
        msg = "no sample was made again"
        raise CannotTell(msg)
    if again and observation.facts is not None and not observation.facts.map_style:
        msg = "an iterable dataset cannot be asked for one sample again"
        raise CannotTell(msg)
    missing = answers.first_again is None if again else answers.overwritten is None
    if missing:
        raise CannotTell(answers.error or "no sample was made again")
    if again and not answers.reproducible:
        msg = "a sample differs each time, whatever its random generators"
        raise CannotTell(msg)
    return answers


def given(answers: Answers, answer: T | None) -> T:
    """Return an answer to a single question.

    Raises
    ------
    CannotTell
        If the question was not answered.
    """
    if answer is None:
        raise CannotTell(answers.error or "the dataset could not be asked for it")
    return answer


def changed(answers: Answers, *kinds: str) -> str | None:
    """Return the nearest path of what making a sample changed, of some kinds."""
    paths = [path for path, kind in answers.changed.items() if kind in kinds]
    return min(paths, key=len, default=None)
