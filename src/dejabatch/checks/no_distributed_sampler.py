"""Every rank reads the whole dataset."""

from dejabatch.distributed.record import Ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.ranks import alike, leaders, one_dataset
from dejabatch.findings import Diagnosis

UNLESS = {"wrong-rank"}


def check_ranks(_ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for loaders without any split, which all draw the whole dataset."""
    found = evidence.of(leaders)
    first, number = found[0], len(found)
    if any(h.parts > 1 or h.replacement or not h.samples for h in found):
        return None
    clusters = evidence.of(alike)
    same_order = len(clusters) == 1 and len(clusters[0]) == number
    if not first.data_loader:
        if not same_order:
            return None
        return Diagnosis(
            severity="error",
            where="loader",
            evidence=f"the {number} ranks read the same {first.samples} samples",
        )
    if not first.map_style or not evidence.of(one_dataset):
        return None
    length = first.length or 0
    whole = all((h.draws or 0) >= length for h in found)
    if not whole and not (same_order and first.draws is None):
        return None
    order = ", in the same order" if same_order else ""
    return Diagnosis(
        severity="error",
        where=first.sampler_path,
        evidence=f"an epoch of each of the {number} ranks has all {length} indices"
        f"{order}; the sampler is a {first.sampler}",
    )
