"""Samples of one loader are in the other, too."""

from dejabatch.checks._streams import coincide
from dejabatch.observe.record import Pair
from dejabatch.report import Finding


def check(pair: Pair) -> Finding | None:
    """Look for common indices of one dataset, and for samples with the same content."""
    if coincide(pair):
        return None  # stream-not-split-by-rank
    if pair.common_indices == 0 and (pair.a.random or pair.b.random):
        return None  # random samples of other indices are equal by chance only
    samples_a, samples_b = pair.a.contents(), pair.b.contents()
    common = len(samples_a & samples_b)
    if pair.common_indices:
        evidence = f"{pair.common_indices} indices of one dataset are in both loaders"
    elif common and len(samples_b) > 1:
        evidence = (
            f"{common} of the {len(samples_b)} different samples that were read are in "
            f"the other loader, too, which gave {len(samples_a)}"
        )
    else:
        return None
    return Finding(
        slug="samples-in-both-loaders",
        severity="error" if pair.common_indices else "warning",
        where="dataset",
        evidence=evidence,
    )
