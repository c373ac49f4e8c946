"""A generator that ``collate_fn`` draws from is copied into every worker."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import diagnose, diagnose_late, repeated
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for generators of ``collate_fn`` that repeat themselves."""
    answers = observation.answers
    made_late = (
        {*answers.constant_late_in_collate} & {*answers.batch_depends_on}
        if answers is not None
        else set()
    )
    if late := diagnose_late(observation, made_late, "batch"):
        return late
    found = {
        path: axes
        for path, axes in evidence.of(repeated).items()
        if path.startswith("collate_fn")
    }
    return diagnose(found, observation)
