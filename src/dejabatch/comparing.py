"""Compare two loaders: what they share and should not."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Subset

from dejabatch.checks import PAIR_CHECKS, judge
from dejabatch.loaders import unwrap
from dejabatch.observe.children import Method, default_method, require_spawn
from dejabatch.observe.investigate import (
    investigate,
    validate_limits,
    validate_method,
)
from dejabatch.observe.isolate import children_started_by, undo_writes_from_here
from dejabatch.observe.record import Pair
from dejabatch.report import Report
from dejabatch.splits import splits_of
from dejabatch.state import generators
from dejabatch.state.attributes import attribute
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.live import Held, held_by, listed, parts_of
from dejabatch.state.reach import LEAVES, is_a, walk
from dejabatch.state.shared_memory import SharedMemory

_FUNCTIONS: Final = (types.FunctionType, types.BuiltinFunctionType)


def compare(
    a: DataLoader[Any],
    b: DataLoader[Any],
    *,
    epochs: int = 1,
    max_batches: int = 64,
    time_limit: float = 60.0,
    method: Method | None = None,
) -> Report:
    """Name what two loaders share and should not, such as samples or a transform.

    Each loader is read as `audit` reads it: both stay as they are. To compare the loaders
    of several ranks, call `audit` on every rank of the program.

    Parameters
    ----------
    a : torch.utils.data.DataLoader
        One loader, for example for training.
    b : torch.utils.data.DataLoader
        The other, for example for validation.
    epochs : int
        How many epochs of each to read.
    max_batches : int
        How many batches of each epoch to read.
    time_limit : float
        Seconds after which reading stops, half of them for each loader.
    method : {"fork", "spawn"}, optional
        How to start the processes that read the loaders, as for `audit`.

    Returns
    -------
    Report
        The findings. `Report.observation` describes `a`, and `Report.other` describes
        `b`. In a finding, `where` begins at the attributes of `b`.

    Raises
    ------
    TypeError
        If `a` or `b` is not a DataLoader.
    ValueError
        If another argument cannot be used, or a loader holds an object that the processes
        which read it cannot use. The message names it.
    RuntimeError
        If a loader gave not a single batch.

    Examples
    --------
    Index 7 is in both subsets:

    >>> import dejabatch
    >>> from torch.utils.data import DataLoader, Subset
    >>> dataset = range(10)
    >>> train = DataLoader(Subset(dataset, range(8)), shuffle=True)
    >>> validation = DataLoader(Subset(dataset, range(7, 10)))
    >>> (finding,) = dejabatch.compare(train, validation).findings
    >>> finding.slug, finding.evidence.partition(" of one")[0]
    ('samples-in-both-loaders', '1 of the 3 indices')
    """
    validate_limits(epochs, max_batches, time_limit)
    validate_method(method)
    loaders = [_loader(name, value) for name, value in (("a", a), ("b", b))]
    roots = {
        f"{name}.{part}": value
        for name, loader in zip("ab", loaders, strict=True)
        for part, value in parts_of(loader).items()
    }
    walked = list(walk(roots))
    held = held_by(roots, walked=walked)
    method = method or default_method()
    if method == "spawn":
        require_spawn(**dict(zip("ab", loaders, strict=True)))
        held = Held()
    if held.live:
        msg = (
            f"{listed(held.live)}. compare reads each loader in a forked copy of this "
            "process, which cannot use such an object without harm to this process. "
            "Nothing was read. Let the dataset open the object when it makes its first "
            "sample, or compare the loaders before that"
        )
        raise ValueError(msg)
    shared = SharedMemory(roots, walked=walked)
    del walked
    try:
        with children_started_by(method):
            seen = [
                investigate(
                    _Return(loader, held),
                    epochs=epochs,
                    max_batches=max_batches,
                    time_limit=time_limit / 2,
                )
                for loader in loaders
            ]
    finally:
        shared.restore()
    drawn = (one.draws.indices() if one.draws is not None else None for one in seen)
    common = _common_indices(*zip(loaders, drawn, strict=True))
    pair = Pair(
        a=seen[0],
        b=seen[1],
        shared_objects=tuple(_shared_objects(*loaders)),
        common_indices=None if common is None else common[0],
        drawn_indices=None if common is None else common[1:],
        two_ranks=_are_of_two_ranks(*loaders),
    )
    judgement = judge(pair, PAIR_CHECKS)
    return Report(
        judgement.findings,
        judgement.checked,
        judgement.skipped,
        observation=pair.a,
        other=pair.b,
        untold=judgement.untold,
    )


@dataclass(frozen=True, slots=True)
class _Return:
    """Return a loader that is there already."""

    loader: DataLoader[Any]
    held: Held

    def __call__(self) -> DataLoader[Any]:
        self.held.renew()
        undo_writes_from_here()
        return self.loader


def _loader(name: str, value: object) -> DataLoader[Any]:
    loader = unwrap(value) if not callable(value) else value
    if isinstance(loader, DataLoader):
        return loader
    msg = (
        f"{name} must be a torch.utils.data.DataLoader, not {type(value).__qualname__}"
    )
    raise TypeError(msg)


def _roots(loader: DataLoader[Any]) -> Mapping[str, object]:
    return {
        "dataset": loader.dataset,
        "sampler": loader.sampler,
        "generator": loader.generator,
        "collate_fn": loader.collate_fn,
    }


def _are_of_two_ranks(a: DataLoader[Any], b: DataLoader[Any]) -> bool:
    """Return whether two loaders have the same splits and different parts."""
    one, other = splits_of(a), splits_of(b)
    same = [s.parts for s in one] == [s.parts for s in other]
    return same and [s.part for s in one] != [s.part for s in other]


def _shared_objects(
    a: DataLoader[Any], b: DataLoader[Any]
) -> list[tuple[str, str, str]]:
    """Return (path in a, path in b, kind) of the objects that both loaders hold."""
    known = {generators.identity(g) for g in generators.global_rngs().values()}
    held: dict[int, str] = {}

    def key(value: object) -> int | None:
        if generators.is_rng(value):
            identity = generators.identity(value)
            return None if identity in known else identity
        plain = is_a(value, (*LEAVES, type, dict, list, tuple)) or value is None
        return None if plain or isinstance(value, _FUNCTIONS) else id(value)

    def enter(value: object) -> bool:
        return not generators.is_rng(value)

    for path, value in walk(_roots(a), enter=enter, classes=False):
        if (identity := key(value)) is not None:
            held.setdefault(identity, path)
    shared = {}
    for path, value in walk(_roots(b), enter=enter, classes=False):
        identity = key(value)
        if identity in held and identity not in shared:
            kind = "generator" if generators.is_rng(value) else type(value).__module__
            shared[identity] = (held[identity], path, kind)
    return list(shared.values())


_ITEMS: Final = (list, tuple, dict, np.ndarray, torch.Tensor)
# Longer lists would take more than a second to compare.
_MOST_COMPARED: Final = 200_000

_Drawn: TypeAlias = tuple[DataLoader[Any], npt.NDArray[np.int64] | None]


def _common_indices(a: _Drawn, b: _Drawn) -> tuple[int, int, int] | None:
    """Count the samples of one source that both loaders draw, and that each draws.

    Returns
    -------
    tuple of int, or None
        The common samples, those of `a` and those of `b`, for the source with the most
        common samples; None if there is no common source.
    """
    # A source is kept, because another object could get its id.
    sources = {_identity(source): (source, set(i)) for source, i in _drawn_sources(*a)}
    common = []
    for source, indices in _drawn_sources(*b):
        if (identity := _identity(source)) in sources:
            one, other = sources[identity][1], set(indices)
            common.append((len(one & other), len(one), len(other)))
    return max(common, default=None)


def _identity(source: Any) -> object:
    """Return what is equal for two datasets of one class that store the same data.

    Booleans and functions do not count: they say how samples are augmented. A dataset
    that stores nothing of its length is equal to itself alone.
    """
    if not isinstance(source, Dataset) or type(source) is Subset:
        return id(source)
    attributes = attribute(source, "__dict__", {})
    stored = {name: v for name, v in attributes.items() if _is_data(v)}
    items = [v for v in stored.values() if is_a(v, _ITEMS)]
    if _length(source) not in map(_length, items):
        return id(source)
    if any(len(value) > _MOST_COMPARED for value in items if is_a(value, (list, dict))):
        return id(source)
    return type(source), fingerprint(stored, sparse=True)


def _is_data(value: object) -> bool:
    kinds = (*_ITEMS, str, bytes, int, float, PurePath)
    return is_a(value, kinds) and not is_a(value, bool)


def _drawn_sources(
    loader: DataLoader[Any], drawn: npt.NDArray[np.int64] | None
) -> Iterator[tuple[Any, Sequence[int]]]:
    """Yield the sources of a loader's samples, each with the indices that are drawn."""
    length = _length(loader.dataset)
    if drawn is None or length is None or not len(drawn):
        return
    if drawn.min() < -length or drawn.max() >= length:
        return  # reading shows the exception
    yield from _sources(loader.dataset, (drawn % length).tolist())


def _sources(
    dataset: Any, indices: Sequence[int] | None = None, depth: int = 4
) -> Iterator[tuple[Any, Sequence[int]]]:
    """Yield the sources of a dataset's samples, each with the indices that it takes.

    The sources are the dataset itself; for a subset, the whole dataset; for a wrapper,
    what it holds that has its length, such as the dataset that it transforms or its list
    of files.
    """
    length = _length(dataset)
    if length is None:
        return
    indices = range(length) if indices is None else indices
    yield dataset, indices
    if type(dataset) is Subset:
        inner = [dataset.indices[i] for i in indices]
        yield from _sources(dataset.dataset, inner, depth)
    elif depth and isinstance(dataset, Dataset):
        for value in vars(dataset).values():
            held = is_a(value, (Dataset, list, tuple, np.ndarray, torch.Tensor))
            if held and _length(value) == length:
                yield from _sources(value, indices, depth - 1)


def _length(value: Any) -> int | None:
    try:
        return len(value)
    except (TypeError, NotImplementedError):  # a stream, or a tensor without dimensions
        return None
