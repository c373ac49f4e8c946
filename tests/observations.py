"""Observations made by hand, for tests of evidence and checks without any loader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from dejabatch import Expect
from dejabatch.distributed.keys import hash_digests, hash_indices, keys_of
from dejabatch.distributed.record import Header, Ranks
from dejabatch.observe.record import (
    MAIN_PROCESS,
    Answers,
    EpochEnd,
    Facts,
    Fetch,
    Observation,
    Pair,
    WorkerStart,
)
from dejabatch.splits import Split

MAIN = {name: b"main " + name.encode() for name in ("random", "np.random", "torch")}


def digest(content: object) -> bytes:
    """Return a digest of 16 bytes that stands for some content."""
    return hashlib.md5(repr(content).encode()).digest()


def facts(**changes) -> Facts:
    """Return the facts of a plain map-style loader with `num_workers` workers."""
    plain = {
        "map_style": True,
        "dataset": "mine.Dataset",
        "sampler": "torch.utils.data.sampler.SequentialSampler",
        "length": 16,
        "batch_size": 4,
        "num_workers": 0,
        "start_method": None,
        "persistent_workers": False,
    }
    return Facts(**plain | changes)


def fetch(
    samples: Sequence[object],
    *,
    epoch: int = 0,
    batch: int = 0,
    worker: int = MAIN_PROCESS,
    indices: Sequence[int] | None = None,
    labels: Sequence[int] | None = None,
    rows: int | None = None,
    census: dict[str, bytes] | None = None,
    parts: dict[str, Sequence[object]] | None = None,
    contents: Sequence[object] | None = None,
    details: Sequence[object] | None = None,
    missing: int = 0,
    left_out: int = 0,
    collated: bytes = b"",
) -> Fetch:
    """Return a batch whose samples have the digests of some contents."""
    return Fetch(
        epoch=epoch,
        batch=batch,
        worker=worker,
        indices=None if indices is None else np.array(indices, np.int64),
        digests=_digests(samples),
        census=_census(epoch, batch, worker) if census is None else census,
        rows=rows,
        labels=None if labels is None else np.array(labels, np.int64),
        parts={path: _digests(column) for path, column in (parts or {}).items()},
        contents=None if contents is None else _digests(contents),
        details=None if details is None else _digests(details),
        missing=missing,
        left_out=left_out,
        collated=collated,
    )


def _digests(samples: Sequence[object]) -> np.ndarray:
    rows = [one if isinstance(one, bytes) else digest(one) for one in samples]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 16)


def _census(*place: int) -> dict[str, bytes]:
    """Return states of the global generators that are those of one place only."""
    return {name: digest((*place, name)) for name in MAIN}


def epochs(orders: Iterable[Sequence[int]], *, batch_size: int = 4) -> list[Fetch]:
    """Return the batches of epochs in which each index has a sample of its own."""
    return [
        fetch(
            order[start : start + batch_size],
            epoch=epoch,
            batch=start // batch_size,
            indices=order[start : start + batch_size],
        )
        for epoch, order in enumerate(orders)
        for start in range(0, len(order), batch_size)
    ]


def streams(*parts: Sequence[object], epoch: int = 0) -> list[Fetch]:
    """Return one batch of a stream for each worker."""
    return [
        fetch(part, epoch=epoch, batch=worker, worker=worker)
        for worker, part in enumerate(parts)
    ]


def observation(
    fetches: Iterable[Fetch] = (),
    *,
    complete: bool = True,
    starts: Sequence[WorkerStart] = (),
    ends: Iterable[EpochEnd] | None = None,
    facts: Facts = facts(),  # noqa: B008 - frozen
    **changes,
) -> Observation:
    """Return an observation of some batches, with an end for each epoch.

    Workers without a start begin each epoch in states of their own.
    """
    fetches = tuple(fetches)
    seen = sorted({one.epoch for one in fetches})
    places = dict.fromkeys((one.epoch, one.worker) for one in fetches)
    missing = places.keys() - {(one.epoch, one.worker) for one in starts}
    main = WorkerStart(0, MAIN_PROCESS, MAIN, 0)
    own = (
        WorkerStart(*place, _census(*place), seed=100 + 10 * place[0] + place[1])
        for place in places
        if place in missing and place[1] != MAIN_PROCESS
    )
    return Observation(
        facts=facts,
        starts=(main, *starts, *own),
        fetches=fetches,
        ends=tuple(EpochEnd(epoch, complete) for epoch in seen)
        if ends is None
        else tuple(ends),
        **changes,
    )


def worker_runs(
    path: str,
    states: dict[tuple[int, int], tuple[str, str]],
    *,
    indices: dict[tuple[int, int], Sequence[int]] | None = None,
    **changes,
) -> Observation:
    """Return workers with one batch each, and a generator's states around that batch.

    `states` has (before, after) by (epoch, worker).
    """
    starts, fetches = [], []
    for batch, ((epoch, worker), (before, after)) in enumerate(states.items()):
        own = _census(epoch, worker)
        starts.append(
            WorkerStart(
                epoch, worker, own | {path: digest(before)}, seed=100 * epoch + worker
            )
        )
        drawn = None if indices is None else indices[epoch, worker]
        fetches.append(
            fetch(
                [(epoch, worker, i) for i in range(2)],
                epoch=epoch,
                batch=batch,
                worker=worker,
                indices=[4 * batch, 4 * batch + 1] if drawn is None else drawn,
                census=own | {path: digest(after)},
            )
        )
    workers = 1 + max(worker for _, worker in states)
    changes.setdefault("facts", facts(num_workers=workers, start_method="fork"))
    return observation(fetches, starts=starts, **changes)


def answers(**changes) -> Answers:
    """Return the answers of a dataset whose samples are fixed and right."""
    right = {
        "index": 0,
        "other": 1,
        "first": b"0",
        "first_in_new_process": b"0",
        "same_states": b"0",
        "other_states": (b"0",) * 8,
        "other_index_first": b"1",
        "after_other_index": b"0",
        "overwritten": False,
        "swallowed_errors": {},
        "idle_transforms": (),
        "periods": (),
        "fixed_parts": ("",),
    }
    return Answers(**right | changes)


def random_answers(*generators: str, **changes) -> Answers:
    """Return the answers of a dataset whose samples depend on generators."""
    varied = tuple(f"{state}".encode() for state in range(1, 9))
    random = {"other_states": varied, "depends_on": generators, "fixed_parts": ()}
    return answers(**random | changes)


def pair(a: Observation, b: Observation, *, shared=(), common=None, drawn=None) -> Pair:
    """Return two observations."""
    return Pair(
        a=a,
        b=b,
        shared_objects=tuple(shared),
        common_indices=common,
        drawn_indices=drawn,
    )


def split(part: int, parts: int, path: str = "sampler", kind="DistributedSampler"):
    """Return an object that splits data between ranks."""
    return Split(path, kind, parts, part)


def part(
    rank: int,
    indices: Sequence[int],
    *,
    contents: Sequence[object] | None = None,
    batch_size: int = 4,
    **changes,
) -> Header:
    """Return the header of a rank that read some indices of 16.

    The samples are those of `contents`, by default fixed and named by their indices.
    """
    contents = list(indices if contents is None else contents)
    order = np.array(indices, np.int64)
    digests = np.frombuffer(b"".join(map(digest, contents)), np.uint8).reshape(-1, 16)
    batches = -(-len(contents) // batch_size)
    plain = {
        "rank": rank,
        "dataset": "mine.Dataset",
        "sampler": "torch.utils.data.sampler.SequentialSampler",
        "length": 16,
        "batches": batches,
        "samples": len(contents),
        "all_batches": batches,
        "order": digest(order.tolist()) if len(order) else b"",
        "content": digest(contents) if contents else b"",
        "collated": digest(contents),
        "ascending": bool(len(order)) and bool((np.diff(order) < 0).sum() <= 1),
        "probes": tuple(map(digest, range(8))),
        "indices": keys_of(hash_indices(order), 100) if len(order) else None,
        "contents": keys_of(hash_digests(digests), 100) if contents else None,
        "reproducible": True,
    }
    return Header(**plain | changes)


def stream_part(rank: int, contents: Sequence[object], **changes) -> Header:
    """Return the header of a rank that read samples of a stream."""
    plain = {"map_style": False, "length": None, "probes": (), "reproducible": False}
    return part(rank, (), contents=contents, **plain | changes)


def ranks(*headers: Header, **expect) -> Ranks:
    """Return the headers of all ranks."""
    return Ranks(headers, Expect(**expect))
