"""Each worker seeds a global generator with one number in every epoch."""

from dejabatch.checks import constant_worker_seed
from dejabatch.checks._seeded import seeded_alike
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for global generators that a worker starts alike in several epochs.

    Without a ``worker_init_fn`` the cause is another: the main process repeats itself.
    """
    facts = observation.facts
    found = seeded_alike(observation, "epoch")
    if not found or facts is None or not facts.worker_init_fn:
        return None
    if constant_worker_seed.check(observation):
        return None
    return Finding(
        slug="worker-seed-without-epoch",
        severity="error",
        where="worker_init_fn",
        evidence=f"a worker draws the same numbers from {', '.join(found)} in the next "
        "epoch",
    )
