"""A generator that ``collate_fn`` draws from is copied into every worker."""

from dejabatch.checks._alike import repeated
from dejabatch.checks.rng_object_on_dataset import finding_of
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for generators of ``collate_fn`` that start alike and are drawn from alike."""
    found = {
        path: axes
        for path, axes in repeated(observation).items()
        if path.startswith("collate_fn")
    }
    return finding_of("rng-in-collate", found, observation)
