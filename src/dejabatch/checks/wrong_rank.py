"""A loader is split by a number that is not the rank."""

from collections.abc import Sequence

from dejabatch.distributed.record import Header, Ranks, say_ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.ranks import (
    alike,
    common_indices,
    map_style_leaders,
    one_dataset,
)
from dejabatch.findings import CannotTell, Diagnosis

UNLESS = {"data-split-twice", "model-parallel-ranks-differ"}

# Ranks without recognized splits that read less than this share of the dataset are
# split in a way that is not recognized.
_MOST_OF_A_PART = 0.75


def check_ranks(_ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for ranks that take the same part, and for more parts than ranks."""
    found = evidence.of(map_style_leaders)
    if not all(header.samples for header in found):
        return None
    clusters = [cluster for cluster in evidence.of(alike) if len(cluster) > 1]
    single = all(len(header.splits) == 1 for header in found)
    if not clusters:
        return _too_many_parts(found, evidence) if single else None
    if not evidence.of(one_dataset):
        return None
    first = found[0]
    where = first.splits[0].path if single else first.sampler_path
    same = "; ".join(
        f"{say_ranks(cluster)} read the same {_samples(found, cluster)} samples"
        for cluster in clusters[:3]
    )
    if single and first.parts == 1:
        text = f"{same}: the {first.splits[0].kind} is made for 1 rank of 1"
        return Diagnosis("warning", where, text)
    if _augments_again(found, clusters, single):
        return Diagnosis(
            "note",
            where,
            f"{same}, with different augmentations; this is right for a sampler that "
            "repeats each sample on purpose",
        )
    different = len(evidence.of(alike))
    share = (first.draws or 0) / (first.length or 1)
    if not single and (first.splits or (different == 1 and share > _MOST_OF_A_PART)):
        return None  # there is no split, or there are several
    never = _never(found, evidence)
    if never is None or never:
        lost = f"; {never} of {first.length} indices are on no rank" if never else ""
        return Diagnosis("error", where, f"{same}{_numbers(found, single)}{lost}")
    if single and _uses_local_rank(found):
        return Diagnosis("error", where, f"{same}{_numbers(found, single)}")
    return Diagnosis(
        "note",
        where,
        f"{same}. Do they hold parts of one model? Then pass "
        f"Expect(same_data={evidence.of(alike)})",
    )


def _augments_again(
    found: Sequence[Header], clusters: Sequence[Sequence[int]], single: bool
) -> bool:
    """Return whether ranks read the same indices and make different samples of them.

    Samplers for repeated augmentation do so. Such a sampler knows its rank.
    """
    content = {header.rank: header.content for header in found}
    differ = all(len({content[rank] for rank in cluster}) > 1 for cluster in clusters)
    places = {header.rank: header.place for header in found}
    own = all(len({places[r] for r in cluster}) == len(cluster) for cluster in clusters)
    return differ and found[0].random and (own or not single)


def _too_many_parts(
    found: Sequence[Header], evidence: Evidence[Ranks]
) -> Diagnosis | None:
    split, number = found[0].splits[0], len(found)
    if split.parts <= number or not evidence.of(one_dataset):
        return None
    lost = _never(found, evidence)
    text = f"the {split.kind} splits into {split.parts} parts, for {number} ranks"
    if lost:
        text += f": {lost} of {found[0].length} indices are on no rank"
    return Diagnosis("error", split.path, text)


def _never(found: Sequence[Header], evidence: Evidence[Ranks]) -> str | None:
    """Return how many indices are on no rank: "" for few; None if that is unknown."""
    if not all(header.complete for header in found):
        return None
    try:
        seen = evidence.of(common_indices)
    except CannotTell:
        return None
    length = found[0].length or 0
    never = seen.never(length)
    # The last batches of all ranks may be left out on purpose.
    batch = -(-found[0].samples // max(1, found[0].batches))
    return seen.say(never) if never > batch * len(found) else ""


def _samples(found: Sequence[Header], cluster: Sequence[int]) -> int:
    return next(header.samples for header in found if header.rank == cluster[0])


def _numbers(found: Sequence[Header], single: bool) -> str:
    if not single:
        return ""
    split = found[0].splits[0]
    parts = ", ".join(str(header.place[0]) for header in found[:8])
    more = ", ..." if len(found) > 8 else ""
    text = f"; the parts of the {split.kind} are {parts}{more} of {split.parts}"
    if _uses_local_rank(found):
        text += ", which is LOCAL_RANK"
    return text


def _uses_local_rank(found: Sequence[Header]) -> bool:
    """Return whether the parts are the numbers of the ranks on their machines."""
    return all(
        header.local_rank is not None and header.local_rank == header.place[0]
        for header in found
    ) and any(header.local_rank != header.rank for header in found)
