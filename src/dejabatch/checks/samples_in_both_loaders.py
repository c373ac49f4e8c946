"""Samples of one loader are also in the other."""

from dejabatch.chance import FEWEST_EQUAL
from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import BLANK, Observation, Pair

UNLESS = {"stream-not-split-by-rank"}

_SMALLEST_SHARE = 0.05


def check_pair(pair: Pair, _evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for indices of one dataset that both draw, and for samples with one content."""
    if pair.two_ranks or _are_ranks(pair):
        cannot_tell(
            "the loaders are those of two ranks; to compare ranks, call audit on every "
            "rank, or run torchrun --nproc-per-node 2 -m dejabatch audit"
        )
    if pair.common_indices:
        a, b = pair.drawn_indices or (pair.common_indices, pair.common_indices)
        facts = pair.a.facts, pair.b.facts
        both_train = all(one is not None and one.shuffles for one in facts)
        note = "; both loaders shuffle, which is right if both are for training"
        return Diagnosis(
            severity="warning" if both_train else "error",
            where="dataset",
            evidence=f"{pair.common_indices} of the {b} indices of one dataset that this "
            f"loader draws are also drawn by the other loader, which draws {a}"
            f"{note if both_train else ''}",
        )
    if pair.common_indices == 0 and (pair.a.random or pair.b.random):
        return None  # random samples of other indices are equal by chance only
    (one, several), (other, several_too) = _contents(pair.a), _contents(pair.b)
    one, other = one - (several & several_too), other - (several & several_too)
    common = len(one & other)
    least = min(FEWEST_EQUAL, max(2, _SMALLEST_SHARE * len(other)))
    if common < least or len(other) < 2:
        return None
    return Diagnosis(
        severity="warning",
        where="dataset",
        evidence=f"{common} of the {len(other)} different samples that were read are also "
        f"in the other loader, which gave {len(one)}",
    )


def _are_ranks(pair: Pair) -> bool:
    facts = pair.a.facts, pair.b.facts
    return all(one is not None and one.num_replicas > 1 for one in facts)


def _contents(observation: Observation) -> tuple[set[bytes], set[bytes]]:
    """Return the samples' fingerprints without blank ones, and those of several indices.

    Where several indices of both loaders share a sample, it has nothing of its own, such
    as an empty page.
    """
    owners: dict[bytes, int | None] = {}
    several: set[bytes] = set()
    for fetch in observation.fetches:
        indices = [index for index, _ in fetch.pairs()]
        contents = fetch.contents
        for row in range(len(fetch.digests)):
            digest = fetch.digests[row].tobytes()
            if contents is not None and contents[row].tobytes() == BLANK:
                continue
            if owners.setdefault(digest, indices[row] if indices else None) != (
                indices[row] if indices else None
            ):
                several.add(digest)
    return set(owners), several
