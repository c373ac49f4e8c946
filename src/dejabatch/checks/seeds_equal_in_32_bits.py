"""Different seeds that are one for torch, which uses 32 of their bits."""

from itertools import combinations

from dejabatch.checks._alike import repeated
from dejabatch.observe.record import MAIN_PROCESS, Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for workers and epochs that draw alike although their seeds differ."""
    if "torch" not in repeated(observation):
        return None
    starts = [start for start in observation.starts if start.worker != MAIN_PROCESS]
    for one, other in combinations(starts, 2):
        if one.epoch != other.epoch and one.worker != other.worker:
            continue
        if one.seed == other.seed or (one.seed - other.seed) % 2**32:
            continue
        return Finding(
            slug="seeds-equal-in-32-bits",
            severity="error",
            where="worker_init_fn",
            evidence=f"torch has the seeds {one.seed % 2**64:#018x} (worker {one.worker}, "
            f"epoch {one.epoch}) and {other.seed % 2**64:#018x} (worker {other.worker}, "
            f"epoch {other.epoch}), with the same low 32 bits, and draws the same numbers",
        )
    return None
