"""Two loaders side by side."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset

from dejabatch.checks import PAIR_CHECKS, judge
from dejabatch.state import generators as rng
from dejabatch.loaders import unwrap
from dejabatch.observe.investigate import look, refuse_bad_limits
from dejabatch.state.reach import LEAVES, is_a, walk
from dejabatch.state.shared_memory import SharedMemory
from dejabatch.observe.record import Pair
from dejabatch.report import Report

_FUNCTIONS: Final = (types.FunctionType, types.BuiltinFunctionType)


def compare(
    a: DataLoader[Any],
    b: DataLoader[Any],
    *,
    epochs: int = 1,
    max_batches: int = 64,
    time_limit: float = 60.0,
) -> Report:
    """Name what two loaders share and should not, such as samples or a transform.

    Each loader is read as `audit` reads it, so that nothing of them changes.

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

    Returns
    -------
    Report
        The findings. `Report.observation` is that of `a`, `Report.other` that of `b`.
        In a finding, `where` begins at the attributes of `b`.

    Raises
    ------
    TypeError
        If `a` or `b` is no DataLoader.
    ValueError
        If another argument cannot be used. The message names it.
    RuntimeError
        If a loader gave not a single batch; or on systems that cannot fork.

    Examples
    --------
    Index 7 is in both subsets:

    >>> import dejabatch
    >>> from torch.utils.data import DataLoader, Subset
    >>> dataset = range(10)
    >>> train = DataLoader(Subset(dataset, range(8)), shuffle=True)
    >>> validation = DataLoader(Subset(dataset, range(7, 10)))
    >>> (finding,) = dejabatch.compare(train, validation).findings
    >>> finding.slug, finding.evidence
    ('samples-in-both-loaders', '1 indices of one dataset are in both loaders')
    """
    refuse_bad_limits(epochs, max_batches, time_limit)
    loaders = [_loader(name, one) for name, one in (("a", a), ("b", b))]
    shared = SharedMemory({"a": loaders[0], "b": loaders[1]})
    seen = []
    try:
        for loader in loaders:
            one = look(
                functools.partial(_identity, loader),
                epochs=epochs,
                max_batches=max_batches,
                time_limit=time_limit / 2,
            )
            seen.append(one)
    finally:
        shared.restore()
    pair = Pair(
        a=seen[0],
        b=seen[1],
        shared=tuple(_shared_objects(*loaders)),
        common_indices=_common_indices(*loaders),
    )
    return judge(pair, PAIR_CHECKS)


def _identity(loader: DataLoader[Any]) -> DataLoader[Any]:
    return loader


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


def _shared_objects(
    a: DataLoader[Any], b: DataLoader[Any]
) -> list[tuple[str, str, str]]:
    """Return (path in a, path in b, kind) of the objects that both loaders hold."""
    known = {rng.identity(g) for g in rng.global_rngs().values()}
    held: dict[int, str] = {}

    def key(value: object) -> int | None:
        if rng.is_rng(value):
            identity = rng.identity(value)
            return None if identity in known else identity
        plain = is_a(value, (*LEAVES, type, dict, list, tuple)) or value is None
        return None if plain or isinstance(value, _FUNCTIONS) else id(value)

    def enter(value: object) -> bool:
        return not rng.is_rng(value)

    for path, value in walk(_roots(a), enter=enter, classes=False):
        if (one := key(value)) is not None:
            held.setdefault(one, path)
    shared = {}
    for path, value in walk(_roots(b), enter=enter, classes=False):
        one = key(value)
        if one in held and one not in shared:
            kind = "generator" if rng.is_rng(value) else type(value).__module__
            shared[one] = (held[one], path, kind)
    return list(shared.values())


def _common_indices(a: DataLoader[Any], b: DataLoader[Any]) -> int | None:
    """Count the samples of one source that two datasets have in common."""
    of_a = {id(source): (source, set(i)) for source, i in _sources(a.dataset)}
    common = [
        len(of_a[id(source)][1].intersection(indices))
        for source, indices in _sources(b.dataset)
        if id(source) in of_a
    ]
    return max(common, default=None)


def _sources(
    dataset: Any, indices: Sequence[int] | None = None, depth: int = 4
) -> Iterator[tuple[Any, Sequence[int]]]:
    """Yield what a dataset takes its samples from, each with the indices that it takes.

    That is the dataset itself; of a subset, the whole one; of a wrapper, what it holds of
    its own length, such as the dataset that it transforms or its list of files.
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
    except (TypeError, NotImplementedError):  # a stream, or a tensor of no dimension
        return None
