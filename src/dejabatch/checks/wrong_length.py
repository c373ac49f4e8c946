"""The dataset says that it is longer than it is."""

from collections import Counter
from itertools import pairwise

from dejabatch.chance import FEWEST_EQUAL
from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, required
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import NO_CONTENT, Draws, Facts, Observation

# A length of so few of the items may be the number of batches.
_COUNTS_BATCHES = 8
# A length may be an estimate if it differs by so little from what comes.
_ESTIMATE = 0.1


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for samples that start over after a number of indices."""
    facts = facts_of(observation)
    if found := _length_of_sampler(observation.draws, facts):
        return found
    endless = observation.answers is not None and observation.answers.endless
    if facts.length is not None and endless:
        return _never_ends(facts.length)
    if facts.length is None or not facts.map_style:
        cannot_tell("there is no map-style dataset with a length")
    if observation.expect.repeats:
        return None
    period = _period(observation)
    if period is None:
        answers = answers_of(observation)
        periods = [p for p in required(answers, answers.periods) if p >= FEWEST_EQUAL]
        period = min(periods, default=None)
        if period is None and answers.items_in_store is not None:
            return _too_short(answers.items_in_store, facts.length)
        if period is None and answers.one_more_fits:
            return _one_more_fits(facts.length)
        if period is None and answers.without_last:
            return _without_last(answers.without_last[0])
    if period is None or period in facts.repeats_a_dataset:
        return None  # a wrapper that repeats a dataset on purpose
    if facts.repeated_references or _length_is_stored(observation):
        return None  # the length is right, and stored items repeat
    same = "give the same sample"
    if observation.random:
        same += " when the random generators are in the same states"
    return Diagnosis(
        # Several random crops of each image may be meant.
        severity="note"
        if observation.random and _are_new(observation, period)
        else "warning",
        where="dataset.__len__",
        evidence=f"index i and index i + {period} {same}, and the length of the dataset "
        f"is {facts.length}",
        fix=f"Return {period} in `__len__`, or pass `expect=Expect(repeats=True)` to "
        "`audit` if an epoch is to repeat the samples.",
    )


def _length_of_sampler(draws: Draws | None, facts: Facts) -> Diagnosis | None:
    """Look for a sampler that says it yields more or less than it does."""
    if (
        draws is None
        or draws.length is None
        or not draws.complete
        or draws.length in draws.yielded
    ):
        return None
    least, most = min(draws.yielded), max(draws.yielded)
    estimated = (1 - _ESTIMATE) * least <= draws.length <= (1 + _ESTIMATE) * most
    count = str(least) if least == most else f"{least} to {most}"
    batches = "batch_sampler" in facts.sampler_path
    what = "batches" if batches or facts.batched else "indices"
    return Diagnosis(
        severity="note" if estimated or facts.sampler_library else "warning",
        where=facts.sampler_path,
        evidence=f"the length is {draws.length}, and an epoch has {count} {what}",
        title="The length of the loader is not the number of its batches",
        fix="Return in the sampler's `__len__` how many items its `__iter__` yields. If "
        "`__len__` is right, `__iter__` yields too few or too many. Progress bars, "
        "learning-rate schedules and trainers read the length.",
    )


def _are_new(observation: Observation, period: int) -> bool:
    """Return whether most samples differ from those that are a period apart."""
    by_index = observation.by_index(0)
    apart = [i for i in by_index if i + period in by_index]
    equal = sum(by_index[i] == by_index[i + period] for i in apart)
    return bool(apart) and 2 * equal < len(apart)


def _too_short(items: int, length: int) -> Diagnosis:
    """Report items that are never drawn, which another split may have."""
    off_by_one = items == length + 1
    counts_batches = _COUNTS_BATCHES * length <= items
    beyond = (
        f"another sample for the index {length}"
        if off_by_one
        else f"other samples for the indices {length} to {items - 1}"
    )
    return Diagnosis(
        severity="warning" if counts_batches or off_by_one else "note",
        where="dataset.__len__",
        evidence=f"the length of the dataset is {length}, and it gives {beyond} of the "
        f"{items} items that it holds",
        title="Some samples are never drawn, because the dataset says it is shorter",
        fix=f"Return {items} in `__len__`. If the rest is left out on purpose, store the "
        "number as an attribute or use a `torch.utils.data.Subset`.",
    )


def _never_ends(length: int) -> Diagnosis:
    return Diagnosis(
        severity="note",
        where="dataset.__iter__",
        evidence=f"the length of the dataset is {length}, and a pass over it never ends",
        title="An epoch never ends, although the dataset has a length",
        fix="Leave out the endless loop in `__iter__`, so that an evaluation reads each "
        "sample once. For training in steps, leave out `__len__`.",
    )


def _one_more_fits(length: int) -> Diagnosis:
    return Diagnosis(
        severity="note",
        where="dataset.__len__",
        evidence=f"the length of the dataset is {length}, and it gives another sample of "
        f"the same shapes for the index {length}, but none for {length + 1}",
        title="The last sample is never drawn, because the dataset says it is shorter",
        fix=f"Return {length + 1} in `__len__`. Windows of `size` steps fit into a series "
        "at `len(series) - size + 1` places.",
    )


def _without_last(path: str) -> Diagnosis:
    """Report a list that a table of samples does not follow to its end."""
    return Diagnosis(
        severity="warning",
        where=path,
        evidence=f"samples read each item of {path} but the last",
        title="The last stored item is in no sample",
        fix="Look where the dataset makes its table of samples or its length: a `- 1` too "
        "many, such as `range(len(items) - 1)`, leaves the last item out.",
    )


def _length_is_stored(observation: Observation) -> bool:
    """Return whether a stored list explains the length, so that its items repeat.

    Small samples, such as labels, have no content by which another check compares items.
    """
    answers = observation.answers
    if answers is None or not answers.length_is_stored:
        return False
    contents = {c for fetch in observation.fetches for _, c in fetch.content_by_index()}
    return observation.random or not contents <= {NO_CONTENT}


def _period(observation: Observation) -> int | None:
    """Return after how many indices all samples repeat themselves."""
    samples: dict[int, bytes] = {}
    for fetch in observation.fetches:
        for index, digest in fetch.pairs():
            samples.setdefault(index, digest)
    indices: dict[bytes, list[int]] = {}
    for index in sorted(samples):
        indices.setdefault(samples[index], []).append(index)
    if len(indices) < 2:
        return None
    steps = Counter(
        other - one for same in indices.values() for one, other in pairwise(same)
    )
    for step, count in steps.most_common(1):
        pairs = [i for i in samples if i + step in samples]
        equal = sum(samples[i] == samples[i + step] for i in pairs)
        # Equal neighbours are blank or sorted, and do not start over.
        if step >= FEWEST_EQUAL and count >= FEWEST_EQUAL and equal >= 0.9 * len(pairs):
            return step
    return None
