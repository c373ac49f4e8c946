"""The collate function makes a batch of one of its samples."""

from collections.abc import Sequence

from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Answers, Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for batches with one row, made of different samples."""
    counted = [
        (fetch.rows, len({digest.tobytes() for digest in fetch.digests}))
        for fetch in observation.fetches
        if fetch.rows is not None and len(fetch.digests) > 1
    ]
    counted = [(rows, samples) for rows, samples in counted if samples > 1]
    if not counted:
        cannot_tell("no batch of different samples could be taken apart into rows")
    answers = observation.answers
    if any(rows > 1 for rows, _ in counted):
        return _one_part(answers)
    if answers is not None and answers.overwritten:
        # A buffer that spawned workers share is overwritten during collation.
        return None
    samples = max(samples for _, samples in counted)
    return Diagnosis(
        severity="error",
        where="collate_fn",
        evidence=f"in each of {len(counted)} batches all rows are the same, though they "
        f"were made of up to {samples} different samples",
    )


def _one_part(answers: Answers | None) -> Diagnosis | None:
    if answers is None:
        return None
    if answers.mixed_up_by_collate:
        return _mixed_up(answers.mixed_up_by_collate)
    if not answers.repeated_by_collate:
        return None
    parts = ", ".join(f"sample{path}" for path in answers.repeated_by_collate)
    return Diagnosis(
        severity="error",
        where="collate_fn",
        evidence=f"the batch has {parts} of one sample in all rows: it changes when this "
        "sample gets the part of another, and stays the same while the others exchange "
        "theirs",
        title="The collate_fn gives a part of one sample to all rows",
        fix="Take this part from each sample: `[sample[key] for sample in samples]`.",
    )


def _mixed_up(paths: Sequence[str]) -> Diagnosis:
    parts = " and ".join(f"sample{path}" for path in paths)
    return Diagnosis(
        severity="error",
        where="collate_fn",
        evidence=f"{parts} of one sample are in different rows of the batch",
        title="The collate_fn mixes up the parts of the samples",
        fix="Sort the samples before their parts are taken, so that all parts have one "
        "order.",
    )
