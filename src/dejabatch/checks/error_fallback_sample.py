"""An error is hidden behind another sample."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, required
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import BLANK, Answers, Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that came from elsewhere after an exception."""
    if found := _filled(observation) or _left_out(observation):
        return found
    answers = answers_of(observation)
    swallowed = required(answers, answers.swallowed_errors)
    if not swallowed:
        return _at_random(answers)
    index, name = next(iter(swallowed.items()))
    met = (
        f"catches the {name} that index {index} raises"
        if name
        else (f"asks itself for another index than {index}")
    )
    blank = (answers.contents or {}).get(index) == BLANK
    return Diagnosis(
        severity="error",
        where="dataset.__getitem__",
        evidence=f"__getitem__ {met}, and returns {'a blank' if blank else 'another'} "
        f"sample in its place; {len(swallowed)} of the tried indices do so",
        title="A sample that cannot be made is replaced without a word",
    )


def _at_random(answers: Answers) -> Diagnosis | None:
    """Look for a few indices that return the sample of a random index."""
    indices = answers.other_samples or answers.other_labels
    if not indices:
        return None
    first, *others = indices
    said = f"index {first}" + (f" and {len(others)} others" if others else "")
    part = "sample" if answers.other_samples else "label"
    return Diagnosis(
        severity="warning",
        where="dataset.__getitem__",
        evidence=f"the {part} of {said} depends on random numbers, and all other indices "
        "keep theirs",
        title="Some indices return the sample of another index",
        fix="Find the samples that cannot be used once before training, and leave them "
        "out of the dataset.",
    )


def _filled(observation: Observation) -> Diagnosis | None:
    """Look for batches in which copies of other samples stand for those that are None.

    A row of its own for them, such as one of zeros, is another row.
    """
    batches = [f for f in observation.fetches if f.missing and f.rows is not None]
    missing, samples = 0, 0
    for fetch in batches:
        others = len({digest.tobytes() for digest in fetch.digests}) - 1
        if fetch.rows is None or fetch.rows > others:
            return None
        missing, samples = missing + fetch.missing, samples + len(fetch.digests)
    if not missing:
        return None
    return Diagnosis(
        severity="error",
        where="collate_fn",
        evidence=f"{missing} of {samples} samples are None, and the batches have copies of "
        "other samples in their places",
        title="A missing sample is replaced by a copy of another one",
        fix="Leave the samples that are None out of the batch, or their indices out of the "
        "dataset.",
    )


def _left_out(observation: Observation) -> Diagnosis | None:
    """Look for batches with fewer rows than samples, because some samples are None."""
    first = [fetch for fetch in observation.fetches if fetch.epoch == 0]
    left_out = sum(fetch.left_out for fetch in first)
    samples = sum(len(fetch.digests) for fetch in first)
    if not left_out:
        return None
    return Diagnosis(
        severity="note",
        where="collate_fn",
        evidence=f"{left_out} of {samples} samples of an epoch are None, and their batches "
        "have fewer rows",
        title="Samples that cannot be made are left out of their batches",
        fix="Leave them out once, before training: the length is then the number of "
        "samples, and all batches have one size.",
    )
