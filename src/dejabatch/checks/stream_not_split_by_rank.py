"""Two ranks read the same stream."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.orders import streams_coincide
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Pair


def check_pair(pair: Pair, evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for two iterable datasets of one class with exactly the same samples."""
    if not evidence.of(streams_coincide):
        return None
    samples = sum(len(fetch.digests) for fetch in pair.b.fetches)
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"all {samples} samples that were read are also in the other loader",
    )
