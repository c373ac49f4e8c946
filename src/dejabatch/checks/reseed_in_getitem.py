"""Making a sample seeds a random generator with a constant."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation
from dejabatch.state import GLOBAL_NAMES


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for generators in one state after every sample, whatever their state before."""
    answers = answers_of(observation)
    if answers.index == answers.other:
        cannot_tell("only one index was seen")
    if not answers.reseeded:
        return None
    return Diagnosis(
        severity="error" if {*answers.reseeded} & {*GLOBAL_NAMES} else "warning",
        where="dataset.__getitem__",
        evidence=f"{', '.join(answers.reseeded)} is in one and the same state after each "
        "sample, whatever its state before",
    )
