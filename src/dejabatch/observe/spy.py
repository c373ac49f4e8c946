"""Read a loader's batches and report what its workers did, with its own dataset.

This runs in an isolated process (`dejabatch.observe.isolate`): it replaces the loader's
``collate_fn`` and ``worker_init_fn``, uses up its sampler and makes samples. The dataset
stays the loader's own, because a ``worker_init_fn`` may read or write
``get_worker_info().dataset``.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import operator
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from dejabatch.loaders import never_deleted, shuffled_cycles
from dejabatch.observe.batches import (
    count_different_rows,
    digests_of,
    labels_of,
    rows_of,
    samples_of,
)
from dejabatch.observe.errors import (
    blame,
    describe_dead_worker,
    describe_errors_of_worker,
)
from dejabatch.observe.facts import (
    asks_for_lists,
    class_name,
    facts_of,
    has_one_pass,
    known_states,
    nested_subsets,
    path_of_inner_loader,
    sampler_path,
    start_method_of,
    stored,
)
from dejabatch.observe.isolate import (
    OutOfTime,
    Send,
    files_of_this_child,
    run_isolated,
)
from dejabatch.observe.record import (
    MAIN_PROCESS,
    Census,
    Ended,
    EpochEnd,
    Facts,
    Fetch,
    NestedSubset,
    Observation,
    Seeding,
    SetAfterSplit,
    Source,
    WorkerStart,
    as_indices,
)
from dejabatch.observe.seedings import noting_seeds
from dejabatch.observe.sources import sources_of
from dejabatch.observe.splitting import SplitDatasets
from dejabatch.state import generators
from dejabatch.state.attributes import attribute
from dejabatch.state.fingerprint import DIGEST_SIZE, fingerprint
from dejabatch.state.live import closed_connections
from dejabatch.state.open_files import Positions

T = TypeVar("T")


class Program:
    """The steps of a program before it reads a loader; here there are none."""

    __slots__ = ()

    def before_reading(self) -> None:
        """Prepare the process that reads the loader."""

    def before_epoch(self, epoch: int) -> None:
        """Prepare the loader for an epoch."""


# A few batches show what a collate_fn does; counting the rows of all would cost time.
_BATCHES_TO_COUNT = 4


def observe(
    make_loader: Callable[[], DataLoader[Any] | Iterable[Any]],
    *,
    epochs: int = 2,
    max_batches: int = 64,
    time_limit: float = 60.0,
    program: Program | None = None,
) -> Observation:
    """Watch a loader in a process of its own.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in that process.
    epochs, max_batches : int
        How many epochs to read, and how many batches of each.
    time_limit : float
        Seconds after which reading ends with what was seen so far.
    program : Program, optional
        The steps of the program before it reads the loader.

    Returns
    -------
    Observation
        The observation. An error of the loader is part of it, and is not raised.
    """
    program = program or Program()
    reading = _Reading(make_loader, epochs, max_batches, time_limit, program)
    outcome = run_isolated(reading, time_limit)

    def sent(kind: type[T]) -> tuple[T, ...]:
        return tuple(item for item in outcome.sent if isinstance(item, kind))

    facts = next(iter(sent(Facts)), None)
    fetches, ends = sent(Fetch), sent(EpochEnd)
    return Observation(
        facts=facts,
        starts=sent(WorkerStart),
        fetches=fetches,
        ends=ends,
        opaque_types=sent(str),
        ended=_located(outcome.ended, fetches, ends),
        sources=sent(Source),
        seedings=sent(Seeding),
        set_after_split=sent(SetAfterSplit),
        nested_subsets=sent(NestedSubset),
        known_states=known_states(0 if facts is None else facts.num_workers),
        changed_files=outcome.changed_files,
    )


def _located(
    ended: Ended | None, fetches: tuple[Fetch, ...], ends: tuple[EpochEnd, ...]
) -> Ended | None:
    """Add the epoch and the batch that could not be read."""
    if ended is None:
        return None
    raised = ended.reason in {"raised", "worker died"}
    if raised and not ends:  # the loader could not be made
        return ended
    epoch = ends[-1].epoch if raised else len(ends)
    batch = sum(fetch.epoch == epoch for fetch in fetches)
    return dataclasses.replace(ended, epoch=epoch, batch=batch)


class _Limits(TypedDict):
    """The limits of reading."""

    epochs: int
    max_batches: int
    deadline: float


@dataclass(frozen=True, slots=True)
class _Reading:
    """Make a loader and read it; runs in a process of its own."""

    make_loader: Callable[[], DataLoader[Any] | Iterable[Any]]
    epochs: int
    max_batches: int
    time_limit: float
    program: Program

    def __call__(self, send: Send) -> None:
        deadline = time.monotonic() + self.time_limit
        self.program.before_reading()
        with SplitDatasets() as split:
            loader, constructors = noting_seeds(self.make_loader)
        limits: _Limits = {
            "epochs": self.epochs,
            "max_batches": self.max_batches,
            "deadline": deadline,
        }
        for source in sources_of(loader):
            send(source)
        if isinstance(loader, DataLoader):
            send(facts_of(loader))
            for seeding in constructors.of(loader):
                send(seeding)
            for attribute in split.of(loader):
                send(attribute)
            for subset in nested_subsets(loader):
                send(subset)
            watch(loader, send, **limits, before_epoch=self.program.before_epoch)
        else:
            watch_batches(loader, send, **limits)


def watch(
    loader: DataLoader[Any],
    send: Send,
    *,
    epochs: int,
    max_batches: int,
    deadline: float = math.inf,
    before_epoch: Callable[[int], object] = lambda _: None,
) -> None:
    """Iterate a loader and report each worker's start and each batch.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        The loader cannot be used for anything else afterwards.
    send : callable
        Takes every `WorkerStart`, `Fetch` and `EpochEnd`, and as a str the name of every
        type whose content cannot be read.
    epochs, max_batches : int
        How many epochs to read, and how many batches of each.
    deadline : float
        Value of ``time.monotonic()`` at which reading ends, between two samples.
    before_epoch : callable, optional
        Called with the number of each epoch before it begins.

    Raises
    ------
    dejabatch.observe.isolate.OutOfTime
        At the deadline.
    """
    census = _Spy(loader, in_main=True).census()
    send(WorkerStart(0, MAIN_PROCESS, census, torch.initial_seed()))
    spy = _Spy(loader, in_main=loader.num_workers == 0)
    map_style = not isinstance(loader.dataset, IterableDataset)
    path = sampler_path(loader)
    own_generators = {
        "generator": loader.generator,
        f"{path}.generator": stored(operator.attrgetter(path)(loader), "generator"),
    }
    role = "sampler" if loader.batch_sampler is None else "batch_sampler"
    sampled = _RecordedSampler(
        getattr(loader, role),
        role,
        # torch gives __getitems__ the list itself, which must be a plain one.
        math.inf if attribute(loader.dataset, "__getitems__") else deadline,
    )
    own_length = _length_of_own_epoch(loader)
    never_deleted.append(loader.__dict__.get("_iterator"))
    # The loader's __setattr__ forbids to change some of these.
    loader.__dict__.update(
        collate_fn=spy.collate,
        worker_init_fn=spy.worker_init,
        _iterator=None,
        pin_memory=False,
        in_order=True,
    )
    if map_style:
        loader.__dict__[role] = sampled
    else:
        # The spy must see the samples that are dropped; a stream has no sampler to ask.
        loader.__dict__["drop_last"] = False
    opaque: set[str] = set()
    connections: set[str] = set()
    positions = Positions()

    def epoch_end(epoch: int, states_before: Census, *, complete: bool) -> EpochEnd:
        if loader.num_workers:
            positions.look()  # reading a file whose position moved may have failed
        return EpochEnd(
            epoch,
            complete,
            unseeded_generators=_unseeded(own_generators),
            list_reused=sampled.list_reused,
            moved_files=positions.moved(loader.dataset),
            shared_connections=tuple(sorted(connections)),
            states_before=states_before,
            states_at_first_index=sampled.states_at_first_index,
        )

    for epoch in range(epochs):
        sampled.batches.clear()
        before_epoch(epoch)
        sampled.states_at_first_index = {}
        _draw_between_epochs(epoch)
        states_before = generators.global_digests()
        complete = True
        iterator = None
        try:
            # A subclass's own __iter__ may use workers that are running already.
            iterator = DataLoader.__iter__(loader)
            for number, seen in enumerate(iterator):
                if loader.num_workers:
                    positions.look()
                if seen.start is not None:
                    send(WorkerStart(epoch, seen.worker, *seen.start))
                for name in seen.opaque - opaque:
                    send(name)
                opaque |= seen.opaque
                connections |= seen.connections
                indices = as_indices(sampled.batches[number]) if map_style else None
                send(seen.fetch(epoch, number, indices))
                if number + 1 == own_length:
                    break
                if number + 1 == max_batches:
                    complete = False
                    break
                _stop_after(deadline)
        except OutOfTime:  # an epoch that was cut in the middle has no end
            raise
        except Exception as error:
            describe_dead_worker(error, getattr(iterator, "_workers", ()))
            send(epoch_end(epoch, states_before, complete=False))
            raise
        send(epoch_end(epoch, states_before, complete=complete))


def _length_of_own_epoch(loader: DataLoader[Any]) -> int | None:
    """Return how many batches a class takes of an iterator that may be endless.

    The loaders of ultralytics and timm keep one iterator, and count the batches of each
    epoch: https://github.com/ultralytics/ultralytics/blob/main/ultralytics/data/build.py.
    """
    cls = type(loader)
    if cls.__iter__ is DataLoader.__iter__ or cls.__len__ is DataLoader.__len__:
        return None
    return _length(loader)


def _length(batches: Any) -> int | None:
    try:
        return len(batches)
    except Exception:  # noqa: BLE001 - the code is the user's
        return None


def _unseeded(held: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(
        path
        for path, generator in held.items()
        if isinstance(generator, torch.Generator)
        and generator.initial_seed() == generators.DEFAULT_SEED
    )


def watch_batches(
    batches: Iterable[Any],
    send: Send,
    *,
    epochs: int,
    max_batches: int,
    deadline: float = math.inf,
) -> None:
    """Iterate any iterable of batches, and report what the batches show.

    Parameters
    ----------
    batches : iterable
        Each batch counts as one sample if it cannot be taken apart into rows. An iterator
        that is at its end is reset, if it has a method ``reset``.
    send, epochs, max_batches, deadline
        As for `watch`.
    """
    send(
        Facts(
            map_style=False,
            dataset=class_name(batches),
            sampler="",
            length=None,
            batch_size=None,
            num_workers=0,
            start_method=None,
            persistent_workers=False,
            one_shot=has_one_pass(batches),
            data_loader=False,
            num_batches=_length(batches),
            inner_loader=path_of_inner_loader(batches),
            shuffled_cycles=shuffled_cycles(batches),
        )
    )
    send(
        WorkerStart(0, MAIN_PROCESS, generators.global_digests(), torch.initial_seed())
    )
    for epoch in range(epochs):
        complete = False
        _draw_between_epochs(epoch)
        states_before = generators.global_digests()
        try:
            for number, batch in enumerate(_next_pass(batches)):
                digests = _as_array(map(fingerprint, rows_of(batch) or [batch]))
                census = generators.global_digests()
                send(Fetch(epoch, number, MAIN_PROCESS, None, digests, census))
                if number + 1 == max_batches:
                    break
                _stop_after(deadline)
            else:
                complete = True
        except OutOfTime:
            raise
        except Exception:
            send(EpochEnd(epoch, complete, states_before=states_before))
            raise
        send(EpochEnd(epoch, complete, states_before=states_before))


def _next_pass(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield the batches of an epoch, and reset an iterator that is at its end.

    The iterators of DALI are reset by the training loop, or by themselves.
    """
    reset = getattr(batches, "reset", None)
    empty = True
    for batch in batches:
        empty = False
        yield batch
    if empty and isinstance(batches, Iterator) and callable(reset):
        reset()
        yield from batches


def _draw_between_epochs(epoch: int) -> None:
    """Draw from the global generators, as training does between two epochs.

    Otherwise a generator that an epoch resets could be in that state already.
    """
    if epoch:
        random.random()
        np.random.random()
        torch.rand(1)


def _as_array(digests: Iterable[bytes]) -> npt.NDArray[np.uint8]:
    """Return digests as uint8 of shape (samples, 16)."""
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_SIZE)


def _columns(parts: Mapping[str, list[bytes]]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the digests of each part; nothing if samples have only one part."""
    if len(parts) < 2:
        return {}
    return {path: _as_array(digests) for path, digests in parts.items()}


@dataclass(frozen=True, slots=True)
class _Seen:
    """The record that the spy sends in place of a batch.

    Attributes
    ----------
    worker : int
        Which worker made the batch.
    start : tuple of (dict, int) or None
        Generators and seed of the worker at its start, with its first batch only.
    opaque : set of str
        Types whose content cannot be read.
    connections : set of str
        Paths of connections that the worker inherited, and uses.
    digests, rows, labels, census, parts, contents, collated, details, missing, left_out
        As in `Fetch`.
    """

    worker: int
    start: tuple[Census, int] | None
    digests: npt.NDArray[np.uint8]
    rows: int | None
    labels: npt.NDArray[np.int64] | None
    opaque: set[str]
    census: Census
    parts: dict[str, npt.NDArray[np.uint8]]
    contents: npt.NDArray[np.uint8]
    collated: bytes
    details: npt.NDArray[np.uint8]
    connections: set[str]
    missing: int
    left_out: int

    def fetch(
        self, epoch: int, batch: int, indices: npt.NDArray[np.int64] | None
    ) -> Fetch:
        """Return the record of the batch."""
        return Fetch(
            epoch,
            batch,
            self.worker,
            indices,
            self.digests,
            self.census,
            self.rows,
            self.labels,
            self.parts,
            self.contents,
            self.collated,
            self.details,
            self.missing,
            self.left_out,
        )


def _has_rows(batch: object, items: Sequence[object]) -> bool:
    """Return whether a batch has a row for each sample that is not None, and no others."""
    kept = sum(item is not None for item in items)
    return bool(rows_of(batch, kept)) and not rows_of(batch, len(items))


class _Spy:
    """The replacement for ``collate_fn`` and ``worker_init_fn``.

    Both are methods of one object, so that a worker has one copy of it.
    """

    def __init__(self, loader: DataLoader[Any], *, in_main: bool) -> None:
        self._collate = loader.collate_fn
        self._worker_init = loader.worker_init_fn
        self._batched = loader.batch_sampler is not None
        self._index_lists = asks_for_lists(loader)
        self._is_stream = isinstance(loader.dataset, IterableDataset)
        self._dataset = loader.dataset if in_main else None
        self._start: tuple[Census, int] | None = None
        self._found: list[generators.Found] | None = None
        self._counted = 0
        self._files = files_of_this_child()
        # A worker that another method starts has none of the program's objects.
        forked = start_method_of(loader) == "fork"
        self._inherited = closed_connections if forked else []

    def worker_init(self, worker_id: int) -> None:
        """Run the user's function, then record the generators that it left."""
        describe_errors_of_worker()
        if self._files is not None:
            self._files.watch()  # a spawned worker is not a fork of the process
        if self._worker_init is not None:
            with blame("worker_init_fn"):
                self._worker_init(worker_id)
        self._start = self.census(), torch.initial_seed()

    def collate(self, samples: Any) -> _Seen:
        """Report on samples in place of their batch."""
        unclear: set[str] = set()

        def opaque(kind: type) -> None:
            unclear.add(f"{kind.__module__}.{kind.__qualname__}")

        items = samples if self._batched else [samples]
        if self._index_lists:
            items = rows_of(samples) or items
        labels = labels_of(items)
        if self._is_stream and not self._batched:
            items = samples_of(samples)
        seen = digests_of(items, opaque)
        with blame("collate_fn"):
            batch = self._collate(samples)
        rows, collated = None, b""
        if self._counted < _BATCHES_TO_COUNT:
            self._counted += 1
            collated = fingerprint(batch)
            if self._batched and len(items) > 1:
                rows = count_different_rows(batch, items)
        missing = sum(item is None for item in items)
        info = get_worker_info()
        start, self._start = self._start, None
        return _Seen(
            worker=MAIN_PROCESS if info is None else info.id,
            start=start,
            digests=_as_array(seen.samples),
            rows=rows,
            labels=labels,
            opaque=unclear,
            census=self.census(),
            parts=_columns(seen.parts),
            contents=_as_array(seen.contents),
            collated=collated,
            details=_as_array(seen.details),
            connections={path for path, one in self._inherited if one.sock is not None},
            missing=missing,
            left_out=missing if missing and _has_rows(batch, items) else 0,
        )

    def census(self) -> Census:
        """Digest the global generators and all that dataset and collate_fn can reach."""
        if self._found is None:
            info = get_worker_info()
            dataset = self._dataset if info is None else info.dataset
            roots = {"dataset": dataset, "collate_fn": self._collate}
            self._found = generators.find(roots)
        return generators.global_digests() | {
            found.path: generators.digest(found.rng) for found in self._found
        }


class _RecordedSampler:
    """A sampler that records what it yielded."""

    def __init__(self, sampler: Iterable[Any], role: str, deadline: float) -> None:
        self._sampler = sampler
        self._role = role
        self._deadline = deadline
        self.batches: list[Any] = []
        self.list_reused = False
        self.states_at_first_index: Census = {}

    def __iter__(self) -> Iterator[Any]:
        last: object = None
        given: Any = None
        with blame(self._role):
            for batch in self._sampler:
                # A stored batch may come twice in a row, and is unchanged.
                if isinstance(batch, _BUFFERS) and batch is last:
                    self.list_reused |= not _same_indices(batch, given)
                last = batch
                if not self.states_at_first_index:
                    self.states_at_first_index = generators.global_digests()
                # Some batch samplers yield one list again and again. Which batches then
                # reach the workers differs from run to run; with a copy, all do.
                given = copy.copy(batch) if isinstance(batch, _BUFFERS) else batch
                self.batches.append(given)
                yield _Indices(given, self._deadline) if type(given) is list else given

    def __len__(self) -> int:
        return len(self._sampler)  # type: ignore[arg-type]


_BUFFERS = (list, np.ndarray)


def _same_indices(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return len(one) == len(other) and all(map(operator.is_, one, other))


class _Indices(list[Any]):
    """The indices of a batch, which end at a deadline between two samples."""

    def __init__(self, indices: list[Any], deadline: float) -> None:
        super().__init__(indices)
        self._deadline = deadline

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self[:], self._deadline)

    def __iter__(self) -> Iterator[Any]:
        for index in super().__iter__():
            _stop_after(self._deadline)
            yield index


def _stop_after(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise OutOfTime
