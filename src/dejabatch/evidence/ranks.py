"""Facts about the loaders of several ranks."""

from __future__ import annotations

from collections.abc import Mapping

from dejabatch.distributed.keys import Overlap, overlap
from dejabatch.distributed.record import Header, Ranks
from dejabatch.evidence import Evidence
from dejabatch.findings import cannot_tell

# Share of samples that repeated augmentation draws once, at the ends of its parts.
_FEW_ONCE = 0.1


def leaders(ranks: Ranks, _evidence: Evidence[Ranks]) -> tuple[Header, ...]:
    """Return one rank of each group; these ranks are to read different data.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there is one group only.
    """
    found = ranks.leaders.headers
    if len(found) < 2:
        cannot_tell("all ranks are expected to read the same data")
    return found


def map_style_leaders(_ranks: Ranks, evidence: Evidence[Ranks]) -> tuple[Header, ...]:
    """Return the leaders, which all have a map-style dataset.

    Raises
    ------
    dejabatch.findings.CannotTell
        If a rank has an iterable dataset, or if there is one group only.
    """
    found = evidence.of(leaders)
    if not all(header.map_style for header in found):
        cannot_tell("the dataset is iterable")
    return found


def common_indices(_ranks: Ranks, evidence: Evidence[Ranks]) -> Overlap:
    """Return how the indices of the leaders overlap.

    Raises
    ------
    dejabatch.findings.CannotTell
        If a rank with samples has no integer indices.
    """
    found = evidence.of(map_style_leaders)
    if any(header.samples and header.indices is None for header in found):
        cannot_tell("the indices are not integers")
    return overlap([h.indices for h in found if h.indices is not None])


def common_contents(_ranks: Ranks, evidence: Evidence[Ranks]) -> Overlap:
    """Return how the samples of the leaders overlap, whatever their indices."""
    found = evidence.of(leaders)
    return overlap([h.contents for h in found if h.contents is not None])


def contents_are_comparable(_ranks: Ranks, evidence: Evidence[Ranks]) -> bool:
    """Return whether a sample has one key on all leaders, whatever its index."""
    found = evidence.of(leaders)
    if not all(header.reproducible for header in found):
        return False
    # Keys of random samples contain the index, and keys without different parts differ.
    own = {header.own_index for header in found}
    return own == {()} or (len(own) == 1 and not any(h.random for h in found))


def differing_indices(_ranks: Ranks, evidence: Evidence[Ranks]) -> int:
    """Return how many of the eight indices have other samples on other leaders.

    Raises
    ------
    dejabatch.findings.CannotTell
        If no such sample could be made on all leaders.
    """
    found = evidence.of(map_style_leaders)
    columns = [
        column
        for column in zip(*(header.probes for header in found), strict=False)
        if None not in column
    ]
    if not columns:
        cannot_tell("dataset[i] could not be compared between ranks")
    return sum(len(set(column)) > 1 for column in columns)


def one_dataset(_ranks: Ranks, evidence: Evidence[Ranks]) -> bool:
    """Return whether an index stands for the same sample on all leaders.

    Raises
    ------
    dejabatch.findings.CannotTell
        As `differing_indices` does.
    """
    found = evidence.of(map_style_leaders)
    if len({header.length for header in found}) > 1:
        return False
    return evidence.of(differing_indices) == 0


def alike(_ranks: Ranks, evidence: Evidence[Ranks]) -> list[list[int]]:
    """Return the leaders in clusters that read the same first epoch in one order.

    A rank without samples is in no cluster.
    """
    clusters: dict[bytes, list[int]] = {}
    for header in evidence.of(leaders):
        if header.samples > 1:
            clusters.setdefault(header.order or header.content, []).append(header.rank)
    return list(clusters.values())


def splits_by_kind(header: Header) -> Mapping[str, int]:
    """Return the splits of a rank that have several parts: parts by path."""
    return {split.path: split.parts for split in header.splits if split.parts > 1}


def repeats_on_purpose(seen: Overlap) -> bool:
    """Return whether nearly all samples were drawn several times.

    Samplers for repeated augmentation do so. Ranks with orders of their own draw some
    samples several times and others once.
    """
    return bool(len(seen.draws)) and float((seen.draws == 1).mean()) < _FEW_ONCE
