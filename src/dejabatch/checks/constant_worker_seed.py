"""All workers seed a global generator with one number."""

from dejabatch.checks._seeded import seeded_alike
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for global generators that are alike in several workers of one epoch."""
    found = seeded_alike(observation, "worker")
    if not found:
        return None
    workers = len({worker for _, worker in observation.first_fetches()})
    return Finding(
        slug="constant-worker-seed",
        severity="error",
        where="worker_init_fn",
        evidence=f"the {workers} workers draw the same numbers from {', '.join(found)}",
    )
