"""NumPy is seeded with 2147483648 + worker_id, whatever the seed and the epoch."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import recipe_starts
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    _observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for workers in exactly the state in which the recipe leaves NumPy."""
    starts = evidence.of(recipe_starts)
    if starts is None:
        return None
    seen = f"{starts.seeded} of {starts.started} times a worker started an epoch with "
    seen += "np.random.seed(2147483648 + worker_id)"
    if not starts.drawn_from:
        seen += ", from which nothing was drawn"
    return Diagnosis(
        severity="error" if starts.drawn_from else "note",
        where="worker_init_fn",
        evidence=seen,
    )
