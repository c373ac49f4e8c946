"""An error is hidden behind another sample."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, required
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that came from elsewhere after an exception."""
    answers = answers_of(observation)
    swallowed = required(answers, answers.swallowed_errors)
    if not swallowed:
        return None
    index, name = next(iter(swallowed.items()))
    met = (
        f"catches the {name} that index {index} raises"
        if name
        else (f"asks itself for another index than {index}")
    )
    return Diagnosis(
        severity="error",
        where="dataset.__getitem__",
        evidence=f"__getitem__ {met}, and returns another sample in its place; "
        f"{len(swallowed)} of the tried indices do so",
    )
