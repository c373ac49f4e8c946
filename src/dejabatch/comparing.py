"""Two loaders side by side."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any, Final

from torch.utils.data import DataLoader, Subset

from dejabatch.checks import PAIR_CHECKS, judge
from dejabatch.observe import rng
from dejabatch.observe.adapters import unwrap
from dejabatch.observe.isolate import SharedMemory
from dejabatch.observe.look import look, refuse_bad_limits
from dejabatch.observe.reach import LEAVES, is_a, walk
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
    """Count the samples that two subsets of one dataset have in common."""
    base_a, indices_a = _base(a.dataset)
    base_b, indices_b = _base(b.dataset)
    if base_a is not base_b or indices_a is None or indices_b is None:
        return None
    return len(set(indices_a) & set(indices_b))


def _base(dataset: Any) -> tuple[Any, list[int] | None]:
    """Follow subsets of subsets to the dataset, and to its indices."""
    if type(dataset) is not Subset:
        try:
            return dataset, list(range(len(dataset)))
        except TypeError:
            return dataset, None
    base, indices = _base(dataset.dataset)
    if indices is None:
        return base, None
    return base, [indices[i] for i in dataset.indices]
