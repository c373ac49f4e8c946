"""A random transform changes nothing."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, required
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for random transforms of torchvision's that return their input."""
    answers = answers_of(observation)
    idle = required(answers, answers.idle_transforms)
    if not idle:
        return None
    where, *others = idle
    evidence = f"{where} returned its input unchanged, from many random states"
    if others:
        evidence += f"; so did {', '.join(others)}"
    return Diagnosis(severity="warning", where=where, evidence=evidence)
