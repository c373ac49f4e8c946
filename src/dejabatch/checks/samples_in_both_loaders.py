"""Samples of one loader are also in the other."""

from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Pair

UNLESS = {"stream-not-split-by-rank"}


def check_pair(pair: Pair, _evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for common indices of one dataset, and for samples with the same content."""
    if pair.two_ranks:
        cannot_tell(
            "the loaders are those of two ranks; to compare ranks, call audit on every "
            "rank, or run torchrun --nproc-per-node 2 -m dejabatch audit"
        )
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
    facts = pair.a.facts, pair.b.facts
    both_train = all(one is not None and one.shuffles for one in facts)
    if both_train:
        evidence += "; both loaders shuffle, which is right if both are for training"
    return Diagnosis(
        severity="error" if pair.common_indices and not both_train else "warning",
        where="dataset",
        evidence=evidence,
    )
