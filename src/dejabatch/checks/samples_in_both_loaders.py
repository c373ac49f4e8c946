"""Samples of one loader are also in the other."""

from collections.abc import Mapping

from dejabatch.chance import FEWEST_EQUAL
from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import BLANK, NO_CONTENT, Observation, Pair

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
    for content_only in (False, True):
        first = _shared_by_indices(pair.a, content_only=content_only)
        second = _shared_by_indices(pair.b, content_only=content_only)
        if content_only and not all(map(_tell_samples_apart, (first, second))):
            return None
        several = {d for d in first.keys() & second.keys() if first[d] and second[d]}
        one, other = first.keys() - several, second.keys() - several
        common = len(one & other)
        least = min(FEWEST_EQUAL, max(2, _SMALLEST_SHARE * len(other)))
        if common < least or len(other) < 2:
            continue
        apart = ", with other labels, numbers or names" if content_only else ""
        return Diagnosis(
            severity="warning",
            where="dataset",
            evidence=f"{common} of the {len(other)} different samples that were read are "
            f"also in the other loader, which gave {len(one)}{apart}",
        )
    return None


def _are_ranks(pair: Pair) -> bool:
    facts = pair.a.facts, pair.b.facts
    return all(one is not None and one.num_replicas > 1 for one in facts)


def _tell_samples_apart(shared_by_indices: Mapping[bytes, bool]) -> bool:
    """Return whether nearly each index has a content of its own."""
    shared = sum(shared_by_indices.values())
    return shared <= _SMALLEST_SHARE * len(shared_by_indices)


def _shared_by_indices(
    observation: Observation, *, content_only: bool
) -> Mapping[bytes, bool]:
    """Return the samples' fingerprints without blank ones, by whether indices share them.

    Where several indices of both loaders share a sample, it has nothing of its own, such
    as an empty page.
    """
    owners: dict[bytes, int | None] = {}
    several: set[bytes] = set()
    for fetch in observation.fetches:
        indices = [index for index, _ in fetch.pairs()]
        if not indices and content_only:
            continue  # two samples of a stream with one content would count as one
        contents = fetch.contents
        for row in range(len(fetch.digests)):
            digest = fetch.digests[row].tobytes()
            content = NO_CONTENT if contents is None else contents[row].tobytes()
            if content == BLANK or (content_only and content == NO_CONTENT):
                continue
            digest = content if content_only else digest
            if owners.setdefault(digest, indices[row] if indices else None) != (
                indices[row] if indices else None
            ):
                several.add(digest)
    return {digest: digest in several for digest in owners}
