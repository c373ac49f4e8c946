"""Different seeds are one for torch, which uses 32 of their bits."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import starts_equal_in_32_bits
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    _observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for workers and epochs that draw the same although their seeds differ."""
    starts = evidence.of(starts_equal_in_32_bits)
    if starts is None:
        return None
    one, other = (
        f"{start.seed % 2**64:#018x} (worker {start.worker}, epoch {start.epoch})"
        for start in starts
    )
    return Diagnosis(
        severity="error",
        where="worker_init_fn",
        evidence=f"torch has the seeds {one} and {other}, with the same low 32 bits, and "
        "draws the same numbers",
    )
