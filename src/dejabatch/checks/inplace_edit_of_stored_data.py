"""Making a sample changes what the dataset has stored of it."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, edited_array
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that differs when made again, and a stored array that changed."""
    answers = answers_of(observation)
    where = edited_array(answers)
    if where is None:
        return None
    return Diagnosis(
        severity="error",
        where=where,
        evidence=f"index {answers.index} gives another sample the second time, with all "
        f"random generators restored, and {where} has changed",
    )
