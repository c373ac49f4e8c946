"""Samples of one loader are also in the other."""

from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Pair

UNLESS = {"stream-not-split-by-rank"}


def check_pair(pair: Pair, _evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for common indices of one dataset, and for samples with the same content."""
    if pair.common_indices == 0 and (pair.a.random or pair.b.random):
        return None  # random samples of other indices are equal by chance only
    samples_a, samples_b = pair.a.contents(), pair.b.contents()
    common = len(samples_a & samples_b)
    if pair.common_indices:
        evidence = f"{pair.common_indices} indices of one dataset are in both loaders"
    elif common and len(samples_b) > 1:
        evidence = (
            f"{common} of the {len(samples_b)} different samples that were read are also "
            f"in the other loader, which gave {len(samples_a)}"
        )
    else:
        return None
    return Diagnosis(
        severity="error" if pair.common_indices else "warning",
        where="dataset",
        evidence=evidence,
    )
