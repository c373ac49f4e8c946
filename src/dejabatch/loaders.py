"""The inside of a loader: the DataLoader of a wrapper, and objects with set_epoch."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    SubsetRandomSampler,
)
from torch.utils.data.dataloader import _BaseDataLoaderIter

from dejabatch.state.attributes import attribute
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.pickles import StoppedIterator
from dejabatch.state.reach import DATA, is_a, walk

# Attributes under which samplers, batch samplers and datasets store what they wrap.
_WRAPPED = ("sampler", "batch_sampler", "dataset")

PROBE_EPOCH: Final = 7919
"""An epoch that no training loop would set."""

never_deleted: Final[list[Any]] = []
"""Running iterators in a forked child: to delete one would end the parent's workers."""

WRAPPED: Final = "_wrapped_by_another_iterable"
"""Attribute of a DataLoader, in a process that reads it, whose wrapper is iterated.

Its value is what `shuffled_cycles` returns for the wrapper.
"""


def unwrap(loader: object) -> DataLoader[Any] | Iterable[Any]:
    """Return the DataLoader that makes a loader's batches.

    Parameters
    ----------
    loader : object
        A DataLoader, a wrapper of accelerate, Lightning Fabric, webdataset or any other
        iterable that holds one, or an iterable of batches without a DataLoader.

    Returns
    -------
    torch.utils.data.DataLoader or iterable
        The innermost DataLoader; `loader` itself if there is none. The work of a wrapper
        on finished batches, such as moving them to a device, is not observed.

    Raises
    ------
    TypeError
        If `loader` is not a loader, or is several. The message says what to do.
    """
    inner: Any = loader
    while (inside := _inside(inner)) is not None:
        inner = inside
    if isinstance(inner, DataLoader):
        return inner
    name = type(inner).__qualname__
    if several := attribute(inner, "flattened"):
        msg = f"loader is a {name} of {len(several)} loaders: audit each of loader.flattened"
        raise TypeError(msg)
    if isinstance(inner, Dataset):
        msg = f"loader is the dataset {name}: pass a DataLoader of it"
        raise TypeError(msg)
    if isinstance(inner, Iterable) and not isinstance(inner, (str, bytes, type)):
        return inner
    msg = (
        "loader must be a torch.utils.data.DataLoader, another iterable of batches, or a "
        f"function without arguments that returns one, not {name}"
    )
    raise TypeError(msg)


def held_by_wrapper(loader: object) -> DataLoader[Any] | None:
    """Return the only DataLoader that an iterable holds, as a prefetcher does.

    The program iterates the wrapper, which may change what the DataLoader gives.
    """
    if isinstance(loader, DataLoader) or not isinstance(loader, Iterable):
        return None
    attributes = getattr(loader, "__dict__", {})
    held = [value for value in attributes.values() if isinstance(value, DataLoader)]
    return held[0] if len(held) == 1 else None


def unwrap_and_mark(outer: object) -> DataLoader[Any] | Iterable[Any]:
    """Return what `unwrap` does, and mark the DataLoader of a wrapper with `WRAPPED`.

    This changes the loader: call it in the process that reads it.
    """
    inner = unwrap(outer)
    if inner is held_by_wrapper(outer):
        inner.__dict__[WRAPPED] = shuffled_cycles(outer)
    return inner


def shuffled_cycles(loader: object) -> tuple[str, ...]:
    """Return the attributes that hold an ``itertools.cycle`` over a shuffled DataLoader.

    A cycle stores the batches of its first pass, and gives them again.

    Parameters
    ----------
    loader : object
        An iterable of batches, which may hold several loaders.
    """
    return tuple(
        name
        for name, value in attribute(loader, "__dict__", {}).items()
        if is_a(value, itertools.cycle)
        and any(map(_is_shuffled, gc.get_referents(value)))
    )


def _is_shuffled(iterator: Any) -> bool:
    if not is_a(iterator, _BaseDataLoaderIter):
        return False
    indices = iterator._index_sampler
    sampler = attribute(indices, "sampler", indices)
    return isinstance(sampler, RandomSampler | SubsetRandomSampler)


def _inside(loader: Any) -> Any:
    """Return what a wrapper wraps, or None."""
    attributes = attribute(loader, "__dict__", {})
    # accelerate's DataLoaderShard and DataLoaderDispatcher; Fabric's _FabricDataLoader.
    for name in ("base_dataloader", "_dataloader"):
        if name in attributes:
            return attributes[name]
    # webdataset's WebLoader is a pipeline that begins with the DataLoader.
    pipeline = attributes.get("pipeline")
    if isinstance(pipeline, list) and pipeline and isinstance(pipeline[0], DataLoader):
        return pipeline[0]
    return held_by_wrapper(loader)


def renew_iterators(loader: Any) -> None:
    """Replace the running iterators that a loader or its wrapper stores.

    Their workers belong to the program. This changes the loader: call it in a process of
    its own, which `isolate.run_isolated` starts.

    Parameters
    ----------
    loader : object
        The object that the program iterates. A loader's ``_iterator`` is made by its next
        epoch, and other attributes, such as timm's ``iterator``, get an iterator at once.
    """
    holder = loader
    while holder is not None:
        inside = _inside(holder)
        stored = attribute(holder, "__dict__", {})
        for name, value in [*stored.items()]:
            if not is_a(value, (_BaseDataLoaderIter, StoppedIterator)):
                continue
            never_deleted.append(value)
            of = holder if isinstance(holder, DataLoader) else inside
            again = name != "_iterator" and isinstance(of, DataLoader)
            stored[name] = of._get_iterator() if again else None
        holder = inside


def with_set_epoch(
    loader: DataLoader[Any], within: Sequence[str] = _WRAPPED
) -> dict[str, Any]:
    """Return the objects in a loader that have a ``set_epoch``, by path, each once.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        The loader.
    within : sequence of str
        Attributes of the loader to look in.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    queue = [(name, getattr(loader, name)) for name in reversed(within)]
    while queue:
        path, value = queue.pop()
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if callable(attribute(value, "set_epoch")):
            found[path] = value
        held = attribute(value, "__dict__", {})
        queue += [(f"{path}.{n}", held[n]) for n in _WRAPPED if n in held]
    return found


def set_counters(loader: Any, epoch: int) -> bool:
    """Set the epoch from which accelerate and Lightning Fabric count the passes.

    Their wrappers call ``set_epoch`` of samplers and datasets with their own number.

    Returns
    -------
    bool
        Whether the loader is such a wrapper.
    """
    held = getattr(loader, "__dict__", {})
    if "base_dataloader" in held and "iteration" in held:  # accelerate
        loader.set_epoch(epoch)
        return True
    if "_dataloader" in held and "_num_iter_calls" in held:  # Lightning Fabric
        loader._num_iter_calls = epoch
        return True
    return False


def changed_in_this_process(target: Any, epoch: int) -> tuple[str, ...]:
    """Call ``set_epoch``, and return what the call changes in this process alone.

    Parameters
    ----------
    target : object
        An object with a ``set_epoch``.
    epoch : int
        The argument of the call.

    Returns
    -------
    tuple of str
        Paths from `target`, each beginning with a dot. Empty if some of what changes is
        in shared memory, where all processes see it.
    """
    before = _contents({"": target})
    target.set_epoch(epoch)
    return _changed(before, _contents({"": target}))


def changed_between_epochs(
    outer: Iterable[Any],
    roots: Mapping[str, object],
    most_batches: int,
    after_epoch: Callable[[], object],
) -> tuple[str, ...]:
    """Read two epochs, and return what the second one changes in this process alone.

    Parameters
    ----------
    outer : iterable
        The object that the program iterates: the loader, or a wrapper of it.
    roots : mapping of str to object
        Objects to look at, by the names that begin the paths, such as the dataset.
    most_batches : int
        How many batches of each epoch to read, at most.
    after_epoch : callable
        Called after each epoch; changes that it makes do not count.

    Returns
    -------
    tuple of str
        Paths. Empty if some of what changes is in shared memory.
    """
    changed: tuple[str, ...] = ()
    for _ in range(2):
        before = _contents(roots)
        for _batch in itertools.islice(outer, most_batches):
            pass
        changed = _changed(before, _contents(roots))
        after_epoch()
    return changed


def _changed(
    before: Mapping[str, tuple[bytes, bool]], after: Mapping[str, tuple[bytes, bool]]
) -> tuple[str, ...]:
    changed = {
        path: shared
        for path, (content, shared) in after.items()
        if path not in before or before[path][0] != content
    }
    return () if any(changed.values()) else tuple(changed)


def _contents(roots: Mapping[str, object]) -> Mapping[str, tuple[bytes, bool]]:
    """Return the numbers and arrays that objects hold, and whether each is shared."""
    return {
        path: (fingerprint(value), is_a(value, torch.Tensor) and value.is_shared())  # type: ignore[attr-defined]
        for path, value in walk(roots, classes=False)
        if is_a(value, DATA)
    }
