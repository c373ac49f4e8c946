"""The header of this rank, from what was observed of its loader."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
import xxhash

from dejabatch.distributed.keys import hash_digests, hash_indices, keys_of
from dejabatch.distributed.record import Header
from dejabatch.findings import Finding
from dejabatch.observe.experiments.fixed_samples import FixedSamples
from dejabatch.observe.record import MAIN_PROCESS, Fetch, Observation
from dejabatch.state.fingerprint import fingerprint
from dejabatch.verdict import why_incomplete

# Two sets of keys of nine bytes each fill most of four kilobytes, or of 600 bytes.
_KEYS_OF_FEW_RANKS: Final = 160
_KEYS_OF_MANY_RANKS: Final = 32
_FEW_RANKS: Final = 32
_MOST_GENERATORS: Final = 4
_MOST_WORKERS: Final = 8
_MOST_FINDINGS: Final = 4
_LONGEST_TEXT: Final = 200
_SHORT: Final = 8


def keys_for(world_size: int) -> int:
    """Return how many keys each of so many ranks sends."""
    return _KEYS_OF_FEW_RANKS if world_size <= _FEW_RANKS else _KEYS_OF_MANY_RANKS


def header_of(
    seen: Observation,
    fixed: FixedSamples,
    *,
    rank: int,
    world_size: int,
    findings: Iterable[Finding] = (),
) -> Header:
    """Return the header of a rank.

    Parameters
    ----------
    seen : dejabatch.observe.record.Observation
        The observation of the rank's loader.
    fixed : dejabatch.observe.experiments.fixed_samples.FixedSamples
        Samples from fixed random states.
    rank, world_size : int
        The number of the rank, and of all ranks.
    findings : iterable of Finding
        The findings about the rank's loader alone.

    Returns
    -------
    dejabatch.distributed.record.Header
        The header.
    """
    facts = seen.facts
    first = [fetch for fetch in seen.fetches if fetch.epoch == 0]
    complete = any(end.complete for end in seen.ends if end.epoch == 0)
    orders = [fetch.indices for fetch in first if fetch.indices is not None]
    order = np.concatenate(orders) if orders else np.empty(0, np.int64)
    digests = (
        np.concatenate([fetch.digests for fetch in first])
        if first
        else np.empty((0, 16), np.uint8)
    )
    answers = seen.answers
    random = answers is not None and bool(answers.depends_on)
    by_itself = answers is not None and answers.changes_by_itself
    map_style = facts is not None and facts.map_style
    reproducible = answers is not None and answers.reproducible and not by_itself
    own_index = _own_index(first)
    contents = _without(own_index, first) if own_index else digests
    if fixed.drawn and len(order):
        contents = _as_array(fixed.drawn[index] for index in order.tolist())
    elif random or not map_style:
        reproducible = False
    most = keys_for(world_size)
    header = Header(
        rank=rank,
        host=socket.gethostname(),
        local_rank=_environment("LOCAL_RANK"),
        local_world_size=_environment("LOCAL_WORLD_SIZE"),
        splits=fixed.splits,
        batches=len(first),
        samples=len(digests),
        complete=complete,
        all_batches=len(first) if complete else fixed.batches,
        order=_hash(order.tobytes()) if len(order) else b"",
        content=_hash(digests.tobytes()) if len(digests) else b"",
        collated=_hash(b"".join(fetch.collated for fetch in first)),
        ascending=bool(len(order)) and int((np.diff(order) < 0).sum()) <= 1,
        probes=tuple(one and one[:_SHORT] for one in fixed.probes),
        indices=keys_of(hash_indices(order), most) if len(order) else None,
        contents=keys_of(hash_digests(contents), most) if len(contents) else None,
        own_index=own_index,
        reproducible=reproducible,
        random=random,
        generators=_generators(seen),
        findings=tuple(map(_shortened, findings))[:_MOST_FINDINGS],
        incomplete=_incomplete(seen)[:_LONGEST_TEXT],
    )
    if facts is None:
        return header
    return replace(
        header,
        dataset=facts.dataset,
        sampler=facts.sampler,
        sampler_path=facts.sampler_path,
        map_style=facts.map_style,
        data_loader=facts.data_loader,
        length=facts.length,
        num_workers=facts.num_workers,
        start_method=facts.start_method,
        replacement=facts.replacement,
    )


def _own_index(fetches: Sequence[Fetch]) -> tuple[str, ...]:
    """Return the paths of the parts that are the index of their sample.

    Such a part hides that another rank has the same sample at another index.
    """
    if not fetches or any(fetch.indices is None for fetch in fetches):
        return ()
    paths = set.intersection(*(set(fetch.parts) for fetch in fetches))
    own = sorted(path for path in paths if all(_is_index(f, path) for f in fetches))
    return tuple(own) if len(own) < len(paths) else ()


def _is_index(fetch: Fetch, path: str) -> bool:
    """Return whether a part of each sample of a batch is the sample's index."""
    found = [part.tobytes() for part in fetch.parts[path]]
    indices = [] if fetch.indices is None else fetch.indices.tolist()
    return any(
        found == [fingerprint(kind(index)) for index in indices]
        for kind in (int, np.int64, torch.tensor)
    )


def _without(
    own_index: Collection[str], fetches: Iterable[Fetch]
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return digests of the samples of some batches without some of their parts."""
    digests = []
    for fetch in fetches:
        columns = [fetch.parts[p] for p in sorted(fetch.parts) if p not in own_index]
        digests += [
            xxhash.xxh3_128_digest(b"".join(part.tobytes() for part in sample))
            for sample in zip(*columns, strict=True)
        ]
    return _as_array(digests)


def _generators(seen: Observation) -> Mapping[str, tuple[bytes, ...]]:
    """Return the states in which workers start, of generators that samples depend on."""
    if seen.answers is None or not seen.fetches:
        return {}
    starts = {
        worker: census
        for (epoch, worker), census in sorted(seen.epoch_starts().items())
        if epoch == 0
    }
    if MAIN_PROCESS in starts:
        starts = {MAIN_PROCESS: seen.main_census()}
    return {
        path: states
        for path in seen.answers.depends_on[:_MOST_GENERATORS]
        if (
            states := tuple(
                census[path][:_SHORT]
                for census in list(starts.values())[:_MOST_WORKERS]
                if path in census
            )
        )
    }


def _incomplete(seen: Observation) -> str:
    """Return why a rank was read in part; ranks without batches are a finding."""
    read_by_rank_0 = seen.facts is not None and not seen.facts.data_loader
    if seen.ended is None and (read_by_rank_0 or not seen.fetches):
        return ""
    return why_incomplete(seen) or ""


def _shortened(finding: Finding) -> Finding:
    evidence = finding.evidence
    if len(evidence) > _LONGEST_TEXT:
        evidence = f"{evidence[: _LONGEST_TEXT - 1]}…"
    return replace(finding, where=finding.where[:_LONGEST_TEXT], evidence=evidence)


def _as_array(
    digests: Iterable[bytes],
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)


def _hash(content: bytes) -> bytes:
    return xxhash.xxh3_64_digest(content)


def _environment(name: str) -> int | None:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else None
