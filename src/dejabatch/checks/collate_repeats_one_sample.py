"""The collate function makes a batch of one of its samples."""

from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


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
    if any(rows > 1 for rows, _ in counted):
        return None
    answers = observation.answers
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
