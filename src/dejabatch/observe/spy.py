"""Read a loader's batches and report what its workers did, with its own dataset.

This belongs into an isolated process (`dejabatch.observe.isolate`): it replaces the
loader's ``collate_fn`` and ``worker_init_fn``, uses up its sampler and makes samples.
The dataset stays the loader's own, because a ``worker_init_fn`` may read or write
``get_worker_info().dataset``.
"""

from __future__ import annotations

import multiprocessing
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
    get_worker_info,
)

from dejabatch.state import generators as rng
from dejabatch.observe.experiments.set_epoch import with_set_epoch
from dejabatch.state.open_files import Positions, holds_lock
from dejabatch.state.fingerprint import DIGEST_SIZE, fingerprint
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.state.reach import library_of
from dejabatch.observe.record import (
    MAIN_PROCESS,
    Census,
    EpochEnd,
    Facts,
    Fetch,
    Observation,
    WorkerStart,
    as_indices,
)

T = TypeVar("T")

_never_deleted: list[Any] = []
# Enough to know a collate_fn by; to count the rows of all batches would cost time.
_BATCHES_TO_COUNT = 4
# So unlikely may it be that something is so by chance.
_CHANCE = 1e-6
_INTEGERS = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
# What the label of a sample is called in a dictionary.
_LABELS = ("label", "labels", "target", "targets", "y", "cls", "class")


def observe(
    make_loader: Callable[[], DataLoader[Any] | Iterable[Any]],
    *,
    epochs: int = 2,
    max_batches: int = 64,
    time_limit: float = 60.0,
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

    Returns
    -------
    Observation
        What was seen. An error of the loader is in it, not raised.
    """

    def read(send: Send) -> None:
        loader = make_loader()
        if isinstance(loader, DataLoader):
            send(facts_of(loader))
            watch(loader, send, epochs=epochs, max_batches=max_batches)
        else:
            watch_batches(loader, send, epochs=epochs, max_batches=max_batches)

    outcome = run_isolated(read, time_limit)

    def of(kind: type[T]) -> tuple[T, ...]:
        return tuple(item for item in outcome.sent if isinstance(item, kind))

    return Observation(
        facts=next(iter(of(Facts)), None),
        starts=of(WorkerStart),
        fetches=of(Fetch),
        ends=of(EpochEnd),
        opaque=of(str),
        error=outcome.error,
        out_of_time=outcome.out_of_time,
    )


def facts_of(loader: DataLoader[Any]) -> Facts:
    """Collect what a loader says of itself, without iterating it."""
    try:
        length: int | None = len(loader.dataset)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        length = None
    context = loader.multiprocessing_context or multiprocessing
    map_style = not isinstance(loader.dataset, IterableDataset)
    path = _sampler_path(loader)
    sampler: Any = operator.attrgetter(path)(loader)
    held = rng.find({"dataset": loader.dataset, "collate_fn": loader.collate_fn})
    libraries = {one.path: library_of(one.owner) for one in held}
    return Facts(
        map_style=map_style,
        dataset=_class_name(loader.dataset),
        sampler=_class_name(sampler),
        sampler_path=path,
        length=length,
        batch_size=loader.batch_size,
        batched=loader.batch_sampler is not None,
        num_workers=loader.num_workers,
        start_method=context.get_start_method() if loader.num_workers else None,
        persistent_workers=loader.persistent_workers,
        worker_init_fn=loader.worker_init_fn is not None,
        # Of a batch sampler that was passed in, the loader does not say it.
        drop_last=_stored(loader.batch_sampler, "drop_last") is True,
        weights=len(sampler.weights)
        if isinstance(sampler, WeightedRandomSampler)
        else None,
        told_epoch=any(path.startswith("dataset") for path in with_set_epoch(loader)),
        locked=holds_lock(loader.dataset),
        misread=_misread(loader.dataset),
        unused=_unused(loader.dataset),
        one_shot=hasattr(type(sampler if map_style else loader.dataset), "__next__"),
        replacement=_stored(sampler, "replacement") is True,
        own_generator=_stored(sampler, "generator") is not None,
        shuffles=isinstance(
            sampler, (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
        ),
        replicas=_as_int(_stored(sampler, "num_replicas"), default=1),
        set_epoch=_as_int(_stored(sampler, "epoch"), default=0)
        if hasattr(type(sampler), "set_epoch")
        else None,
        libraries={path: name for path, name in libraries.items() if name},
    )


def _sampler_path(loader: DataLoader[Any]) -> str:
    """Return the path of the object that decides on the order."""
    batch_sampler = loader.batch_sampler
    if batch_sampler is None:
        return "sampler"
    if type(batch_sampler) is not BatchSampler:
        return "batch_sampler"
    same = batch_sampler.sampler is loader.sampler
    return "sampler" if same else "batch_sampler.sampler"


def _unused(dataset: object) -> tuple[str, ...]:
    if type(dataset) is not Subset:
        return ()
    return tuple(name for name in vars(dataset) if name not in {"dataset", "indices"})


def _misread(dataset: object, path: str = "dataset") -> str | None:
    """Return the path of a subset of a subset that has indices of the whole dataset.

    Such indices are all among those of the inner subset, where positions in the inner
    subset would be so by chance only.
    """
    while type(dataset) is Subset:
        inner = dataset.dataset
        if type(inner) is Subset:
            try:
                outer = np.unique(np.asarray(dataset.indices, dtype=np.int64))
                whole = np.asarray(inner.indices, dtype=np.int64)
            except (TypeError, ValueError, OverflowError):
                return None
            if _are_not_positions(outer, whole):
                return f"{path}.indices"
        dataset, path = inner, f"{path}.dataset"
    return None


def _are_not_positions(
    outer: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]
) -> bool:
    positions = np.arange(len(whole))
    if not len(outer) or not np.isin(outer, whole).all():
        return False
    if outer[0] < 0 or outer[-1] >= len(whole):
        return True  # no positions at all; some of them raise
    # Neighbours are chosen together, so that a run of positions counts as one choice.
    among = np.isin(positions, whole)
    runs = np.cumsum(np.diff(among, prepend=among[:1]))
    chosen = len(np.unique(runs[outer]))
    return bool(among.mean() ** chosen < _CHANCE)


def _stored(value: object, name: str) -> object:
    """Return an attribute where it is stored, without running a property."""
    return getattr(value, "__dict__", {}).get(name)


def _as_int(value: object, *, default: int) -> int:
    return value if isinstance(value, int) else default


def watch(
    loader: DataLoader[Any],
    send: Send,
    *,
    epochs: int,
    max_batches: int,
) -> None:
    """Iterate a loader and report each worker's start and each batch.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        It is not usable for anything else afterwards.
    send : callable
        Takes every `WorkerStart`, `Fetch` and `EpochEnd`, and the name of every type
        that showed no content, as a str.
    epochs, max_batches : int
        How many epochs to read, and how many batches of each.
    """
    census = _Spy(loader, in_main=True).census()
    send(WorkerStart(0, MAIN_PROCESS, census, torch.initial_seed()))
    spy = _Spy(loader, in_main=loader.num_workers == 0)
    map_style = not isinstance(loader.dataset, IterableDataset)
    path = _sampler_path(loader)
    generators = {
        "generator": loader.generator,
        f"{path}.generator": _stored(operator.attrgetter(path)(loader), "generator"),
    }
    role = "sampler" if loader.batch_sampler is None else "batch_sampler"
    sampled = _Recorded(getattr(loader, role))
    # A running iterator would end its workers, which are not this process's.
    _never_deleted.append(loader.__dict__.get("_iterator"))
    # Not by attribute: the loader forbids its users to set some of these.
    loader.__dict__.update(
        collate_fn=spy.collate,
        worker_init_fn=spy.worker_init,
        _iterator=None,
        pin_memory=False,
        in_order=True,
    )
    if not map_style:
        # To see the samples that are dropped; the batch sampler has no end of its own.
        loader.__dict__["drop_last"] = False
    if map_style:
        loader.__dict__[role] = sampled
    opaque: set[str] = set()
    positions = Positions()
    for epoch in range(epochs):
        sampled.batches.clear()
        complete = True
        try:
            for number, (
                worker,
                start,
                digests,
                rows,
                labels,
                unclear,
                census,
            ) in enumerate(
                # Not the iterator of a subclass, whose workers may be running already.
                DataLoader.__iter__(loader)
            ):
                if loader.num_workers:
                    positions.look()
                if start is not None:
                    send(WorkerStart(epoch, worker, *start))
                for name in unclear - opaque:
                    send(name)
                opaque |= unclear
                indices = as_indices(sampled.batches[number]) if map_style else None
                send(
                    Fetch(epoch, number, worker, indices, digests, census, rows, labels)
                )
                if number + 1 == max_batches:
                    complete = False
                    break
        except Exception:
            complete = False
            raise
        finally:
            if loader.num_workers:
                positions.look()  # also where reading in such a file has failed
            moved = positions.moved(loader.dataset)
            unseeded = _unseeded(generators)
            send(EpochEnd(epoch, complete, unseeded, sampled.reused, moved))


def _unseeded(generators: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(
        path
        for path, one in generators.items()
        if isinstance(one, torch.Generator) and one.initial_seed() == rng.DEFAULT_SEED
    )


def watch_batches(
    batches: Iterable[Any],
    send: Send,
    *,
    epochs: int,
    max_batches: int,
) -> None:
    """Iterate anything that gives batches, and report what they show.

    Parameters
    ----------
    batches : iterable
        Each batch counts as one sample if it cannot be taken apart into rows.
    send, epochs, max_batches
        As for `watch`.
    """
    send(
        Facts(
            map_style=False,
            dataset=_class_name(batches),
            sampler="",
            length=None,
            batch_size=None,
            num_workers=0,
            start_method=None,
            persistent_workers=False,
            one_shot=hasattr(type(batches), "__next__"),
            data_loader=False,
        )
    )

    def census() -> Census:
        return {name: rng.digest(g) for name, g in rng.global_rngs().items()}

    send(WorkerStart(0, MAIN_PROCESS, census(), torch.initial_seed()))
    for epoch in range(epochs):
        complete = True
        for number, batch in enumerate(batches):
            rows = rows_of(batch) or [batch]
            digests = b"".join(fingerprint(row) for row in rows)
            array = np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_SIZE)
            send(Fetch(epoch, number, MAIN_PROCESS, None, array, census()))
            if number + 1 == max_batches:
                complete = False
                break
        send(EpochEnd(epoch, complete))


class _Spy:
    """What takes the places of ``collate_fn`` and ``worker_init_fn``.

    Both are methods of one object, so that a worker has one copy of it.
    """

    def __init__(self, loader: DataLoader[Any], *, in_main: bool) -> None:
        self._collate = loader.collate_fn
        self._worker_init = loader.worker_init_fn
        self._batched = loader.batch_sampler is not None
        self._dataset = loader.dataset if in_main else None
        self._start: tuple[Census, int] | None = None
        self._found: list[rng.Found] | None = None
        self._counted = 0

    def worker_init(self, worker_id: int) -> None:
        """Run the user's function, then look at the generators that it left."""
        if self._worker_init is not None:
            self._worker_init(worker_id)
        self._start = self.census(), torch.initial_seed()

    def collate(self, samples: Any) -> Any:
        """Report on samples in place of their batch."""
        unclear: set[str] = set()

        def opaque(kind: type) -> None:
            unclear.add(f"{kind.__module__}.{kind.__qualname__}")

        items = samples if self._batched else [samples]
        digests = b"".join(fingerprint(item, opaque=opaque) for item in items)
        batch = self._collate(samples)
        rows = None
        if self._batched and self._counted < _BATCHES_TO_COUNT and len(items) > 1:
            self._counted += 1
            rows = _different_rows(batch, items)
        info = get_worker_info()
        start, self._start = self._start, None
        return (
            MAIN_PROCESS if info is None else info.id,
            start,
            np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_SIZE),
            rows,
            _labels(items),
            unclear,
            self.census(),
        )

    def census(self) -> Census:
        """Digest the global generators and all that dataset and collate_fn can reach."""
        if self._found is None:
            info = get_worker_info()
            dataset = self._dataset if info is None else info.dataset
            roots = {"dataset": dataset, "collate_fn": self._collate}
            self._found = rng.find(roots)
        census = {name: rng.digest(g) for name, g in rng.global_rngs().items()}
        return census | {found.path: rng.digest(found.rng) for found in self._found}


class _Recorded:
    """A sampler that remembers what it yielded."""

    def __init__(self, sampler: Iterable[Any]) -> None:
        self._sampler = sampler
        self._last: object = None
        self.batches: list[Any] = []
        self.reused = False

    def __iter__(self) -> Iterator[Any]:
        for batch in self._sampler:
            self.reused |= isinstance(batch, list) and batch is self._last
            self._last = batch
            # A copy, because some batch samplers yield one list again and again. Which
            # batches then reach the workers differs from run to run; here all do.
            given = list(batch) if isinstance(batch, list) else batch
            self.batches.append(given)
            yield given

    def __len__(self) -> int:
        return len(self._sampler)  # type: ignore[arg-type]


def rows_of(batch: Any, length: int | None = None) -> list[tuple[Any, ...]]:
    """Take a batch apart into the parts that belong to one sample each.

    Parameters
    ----------
    batch : object
        Any nesting of tensors, arrays and lists.
    length : int, optional
        The number of samples; by default the length of the first tensor or array.

    Returns
    -------
    list of tuple
        One tuple of parts for each sample. Empty if no part has that length, or if it
        is open which parts belong together: two tensors of two rows in one list may be
        two samples, or two parts of two samples.
    """
    parts: list[Any] = []
    unclear = False

    def has_length(value: Any) -> bool:
        nonlocal length
        if not isinstance(value, (torch.Tensor, np.ndarray)) or not value.ndim:
            return False
        length = len(value) if length is None else length
        return len(value) == length

    def collect(value: Any) -> None:
        nonlocal unclear
        if has_length(value):
            parts.append(value)
        elif isinstance(value, Mapping):
            for item in value.values():
                collect(item)
        elif isinstance(value, (list, tuple)):
            whole = any(has_length(item) for item in value)
            unclear |= whole and len(value) == length
            if len(value) == length and not whole:
                parts.append(value)
            else:
                for item in value:
                    collect(item)

    collect(batch)
    return [] if unclear else list(zip(*parts, strict=True))


def _different_rows(batch: Any, samples: list[Any]) -> int | None:
    """Count the rows of a batch that differ: 1 if a part of one sample is in all rows.

    None if the batch cannot be taken apart, or if its samples do not differ.
    """
    rows = rows_of(batch, len(samples))
    if not rows:
        return None
    # The tensors in the samples that differ between them, by content.
    differing: set[bytes] = set()
    # What all samples have, all rows may have.
    common: set[bytes] = set()
    columns = zip(*map(_tensors, samples), strict=False)
    for column in columns:
        digests = {fingerprint(tensor) for tensor in column}
        if len(digests) > 1:
            differing |= digests
        else:
            common |= digests
    for part in zip(*rows, strict=True):
        content = {fingerprint(row) for row in part}
        if len(content) == 1 and content <= differing - common:
            return 1
    return len({fingerprint(row) for row in rows})


def _labels(samples: list[Any]) -> npt.NDArray[np.int64] | None:
    """Return the label of each sample: the last of its parts that is one integer."""
    labels = []
    for sample in samples:
        if isinstance(sample, Mapping):
            parts = [sample[name] for name in _LABELS if name in sample]
        elif isinstance(sample, (list, tuple)) and 1 < len(sample) <= 4:
            parts = list(sample)
        else:
            return None
        integers = [part for part in parts if _is_integer(part)]
        if not integers:
            return None
        labels.append(int(integers[-1]))
    try:
        return np.array(labels, dtype=np.int64)
    except OverflowError:
        return None


def _is_integer(value: object) -> bool:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        if value.ndim:
            return False
        if isinstance(value, np.ndarray):
            return value.dtype.kind in "iu"
        return value.dtype in _INTEGERS and value.device.type == "cpu"
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _tensors(sample: Any) -> list[torch.Tensor]:
    """Return the tensors and arrays in a sample, as default_collate would have them."""
    if isinstance(sample, torch.Tensor):
        return [sample]
    if isinstance(sample, np.ndarray):
        try:
            return [torch.as_tensor(sample)]
        except (TypeError, ValueError):  # text, foreign byte order, 128 bits: no tensor
            return []
    if isinstance(sample, Mapping):
        return [tensor for value in sample.values() for tensor in _tensors(value)]
    if isinstance(sample, (list, tuple)):
        return [tensor for value in sample for tensor in _tensors(value)]
    return []


def _class_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
