"""The collate function augments a batch as a whole."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import COPIES_IN_BATCH, Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for copies of a sample that are equal in a batch, and vary all together."""
    rows = answers_of(observation).batch_of_copies
    if rows == "rows are unclear":
        cannot_tell("collate_fn makes no batch with a part for each sample")
    if rows != "rows vary together":
        return None
    return Diagnosis(
        severity="warning",
        where="collate_fn",
        evidence=f"collate_fn makes {COPIES_IN_BATCH} equal rows of {COPIES_IN_BATCH} "
        "copies of one sample, and these rows vary from batch to batch",
    )
