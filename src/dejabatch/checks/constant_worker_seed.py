"""All workers seed a global generator with one number."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import reseeded_globals
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for global generators with one state in several workers of one epoch."""
    found = evidence.of(reseeded_globals)["worker"]
    if not found:
        return None
    workers = len({worker for _, worker in observation.first_fetches()})
    return Diagnosis(
        severity="error",
        where="worker_init_fn",
        evidence=f"the {workers} workers draw the same numbers from {', '.join(found)}",
    )
