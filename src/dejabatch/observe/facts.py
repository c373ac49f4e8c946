"""Attributes of a loader that show without iterating it."""

from __future__ import annotations

import contextlib
import operator
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from dejabatch.loaders import WRAPPED, with_set_epoch
from dejabatch.observe.isolate import start_method
from dejabatch.observe.record import (
    DEFAULT_TORCH_GENERATOR,
    SEEDED_NUMPY,
    Facts,
    NestedSubset,
    numpy_recipe,
)
from dejabatch.state import generators
from dejabatch.state.attributes import attribute
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.open_files import holds_lock
from dejabatch.state.reach import is_a, library_of, names_in, walk

# Functions that draw with replacement, or that repeat what they are given.
_REPEATING = {
    *("choice", "choices", "multinomial", "randint", "integers", "randrange"),
    *("cycle", "repeat", "repeat_interleave", "tile"),
}
_NEVER_EDITED = (str, bytes, int, float, complex, type, np.generic)

# Wrappers of wrappers of a loader are rare.
_DEEPEST_LOADER = 2


def facts_of(loader: DataLoader[Any]) -> Facts:
    """Collect what a loader says of itself, without iterating it."""
    try:
        length: int | None = len(loader.dataset)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        length = None
    map_style = not isinstance(loader.dataset, IterableDataset)
    with_epoch = with_set_epoch(loader)
    path = sampler_path(loader)
    sampler: Any = operator.attrgetter(path)(loader)
    finder = generators.Finder(
        {"dataset": loader.dataset, "collate_fn": loader.collate_fn}
    )
    held = finder.find()
    libraries = {found.path: library_of(found.owner) for found in held}
    return Facts(
        map_style=map_style,
        dataset=class_name(loader.dataset),
        sampler=class_name(sampler),
        sampler_path=path,
        length=length,
        batch_size=loader.batch_size,
        batched=loader.batch_sampler is not None,
        num_workers=loader.num_workers,
        start_method=start_method_of(loader),
        persistent_workers=loader.persistent_workers,
        worker_init_fn=loader.worker_init_fn is not None,
        # The loader's own drop_last is False if a batch sampler was passed to it.
        drop_last=stored(loader.batch_sampler, "drop_last") is True,
        draws_with_replacement=_draws_with_replacement(sampler),
        sampler_holds_items=_holds_items(sampler),
        sampler_library=_library_of_class(sampler),
        dataset_library=_library_of_class(loader.dataset),
        given_indices=isinstance(
            sampler, (list, tuple, range, np.ndarray, torch.Tensor, SubsetRandomSampler)
        ),
        num_weights=len(sampler.weights)
        if isinstance(sampler, WeightedRandomSampler)
        else None,
        sampler_has_set_epoch=any("sampler" in path for path in with_epoch),
        dataset_has_set_epoch=any(path.startswith("dataset") for path in with_epoch),
        dataset_has_epoch=has_epoch(loader.dataset),
        holds_lock=holds_lock(loader.dataset),
        unused_attributes=_unused_attributes(loader.dataset),
        own_iter=has_own_iter(loader),
        shuffled_cycles=vars(loader).get(WRAPPED, ()),
        index_lists=asks_for_lists(loader),
        one_shot=has_one_pass(sampler if map_style else loader.dataset),
        replacement=stored(sampler, "replacement") is True,
        sampler_has_generator=stored(sampler, "generator") is not None,
        shuffles=isinstance(
            sampler, (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
        ),
        num_replicas=_as_int(stored(sampler, "num_replicas"), default=1),
        sampler_epoch=_as_int(stored(sampler, "epoch"), default=0)
        if hasattr(type(sampler), "set_epoch")
        else None,
        library_generators={path: name for path, name in libraries.items() if name},
        repeated_references=_repeated_references(loader.dataset, length),
        repeats_a_dataset=_lengths_of_inner_datasets(loader.dataset),
        subset=_subset(loader.dataset),
        search_stopped_at=finder.stopped_at,
    )


def start_method_of(loader: DataLoader[Any]) -> str | None:
    """Return how a loader's workers start; None without workers."""
    if not loader.num_workers:
        return None
    context = loader.multiprocessing_context
    method: str = start_method() if context is None else context.get_start_method()
    return method


def has_epoch(dataset: object) -> bool:
    """Return whether a dataset, or one that it wraps, has an attribute for the epoch."""
    names = attribute(dataset, "__dict__", {})
    inner = names.get("dataset")
    return any("epoch" in name for name in names) or (
        inner is not None and inner is not dataset and has_epoch(inner)
    )


def is_told_epochs(loader: object) -> bool:
    """Return whether a program can tell a loader or wrapper of its own the epoch."""
    return hasattr(loader, "set_epoch") or has_epoch(loader)


def sampler_path(loader: DataLoader[Any]) -> str:
    """Return the path of the object that decides on the order."""
    batch_sampler = loader.batch_sampler
    if batch_sampler is None:
        return "sampler"
    if type(batch_sampler) is not BatchSampler:
        return "batch_sampler"
    same = batch_sampler.sampler is loader.sampler
    return "sampler" if same else "batch_sampler.sampler"


def path_of_inner_loader(batches: object) -> str:
    """Return where an iterable holds a DataLoader, such as ``loader.loader``; or ""."""
    queue = [("loader", batches, 0)]
    for path, holder, depth in queue:  # the queue grows meanwhile
        for name, value in attribute(holder, "__dict__", {}).items():
            inner = f"{path}.{name}"
            if isinstance(value, DataLoader):
                return inner
            if depth < _DEEPEST_LOADER and isinstance(value, Iterable):
                queue.append((inner, value, depth + 1))
    return ""


def has_own_iter(loader: DataLoader[Any]) -> bool:
    """Return whether a subclass delivers batches in a way of its own.

    torchdata's loader restores its position there, and delivers what torch's does.
    """
    cls = type(loader)
    top = cls.__module__.partition(".")[0]
    own = cls.__iter__ is not DataLoader.__iter__ and top != "torchdata"
    return own or WRAPPED in vars(loader)


def has_one_pass(value: object) -> bool:
    """Return whether an object is an iterator that cannot begin another pass.

    An ``__iter__`` in Python that does more than to return the iterator may reset it, as
    the samplers of lhotse do.
    """
    if not hasattr(type(value), "__next__"):
        return False
    begin: Any = getattr(type(value), "__iter__", None)
    return not is_a(begin, types.FunctionType) or not names_in(begin.__code__)


def asks_for_lists(loader: DataLoader[Any]) -> bool:
    """Return whether the dataset is asked for a list of indices at once."""
    return loader.batch_sampler is None and isinstance(loader.sampler, BatchSampler)


def nested_subsets(loader: DataLoader[Any]) -> Iterator[NestedSubset]:
    """Yield the subsets of subsets among a loader's datasets, the outermost first."""
    dataset, path = loader.dataset, "dataset"
    while type(dataset) is Subset:
        inner = dataset.dataset
        if type(inner) is Subset:
            try:
                indices = np.asarray(dataset.indices, dtype=np.int64)
                inner_indices = np.asarray(inner.indices, dtype=np.int64)
            except (TypeError, ValueError, OverflowError):  # keys of another type
                return
            yield NestedSubset(f"{path}.indices", indices, inner_indices)
        dataset, path = inner, f"{path}.dataset"


def known_states(num_workers: int) -> dict[str, bytes]:
    """Return digests of generators in well-known states, for a number of workers."""
    states = {DEFAULT_TORCH_GENERATOR: generators.digest(torch.Generator())}
    for worker in range(num_workers):
        # The recipe seeds with word 0 of an MT19937 state that torch seeded with an array.
        recipe = np.random.RandomState(2**31 + worker)
        states[numpy_recipe(worker)] = generators.digest(recipe)
    # MT19937 has its seed as its first word
    # (https://github.com/numpy/numpy/blob/main/numpy/random/src/mt19937/mt19937.c).
    state: dict[str, Any] = np.random.get_state(legacy=False)
    if state["bit_generator"] == "MT19937":
        seed = int(state["state"]["key"][0])
        seeded = generators.digest(np.random.RandomState(seed))
        if seeded == generators.digest(generators.global_rngs()["np.random"]):
            states[SEEDED_NUMPY] = seeded
    return states


def class_name(value: object) -> str:
    """Return the class of an object as ``module.name``."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _library_of_class(value: object) -> str | None:
    """Return the installed library that defines an object's class, if it is not torch."""
    library = library_of(type(value).__module__)
    return None if library == "torch" else library


def stored(value: object, name: str) -> object:
    """Return an attribute where it is stored, without running a property."""
    return attribute(value, "__dict__", {}).get(name)


def _unused_attributes(dataset: object) -> tuple[str, ...]:
    """Return the functions that were set on a plain subset, which calls none of them.

    Other attributes, such as the targets of the subset, may be for the program to read.
    """
    if type(dataset) is not Subset:
        return ()
    inner = dataset.dataset
    while type(inner) is Subset:
        inner = inner.dataset
    return tuple(
        name
        for name, value in vars(dataset).items()
        if name not in {"dataset", "indices"}
        and (value is None or callable(value))
        and (hasattr(inner, name) or "transform" in name)
    )


def _as_int(value: object, *, default: int) -> int:
    return value if isinstance(value, int) else default


def _draws_with_replacement(sampler: object) -> bool:
    """Return whether code of a sampler's own class names a function that repeats."""
    own = [c for c in type(sampler).__mro__ if library_of(c.__module__) != "torch"]
    names: set[str] = set()
    for cls in own:
        for item in vars(cls).values():
            function = (
                item.__func__ if is_a(item, (staticmethod, classmethod)) else item
            )
            if is_a(function, types.FunctionType):
                names |= names_in(function.__code__)
    return bool(names & _REPEATING)


def _holds_items(sampler: object) -> bool:
    """Return whether an attribute of a sampler, but not its dataset, has several items."""
    stored = attribute(sampler, "__dict__", {}).values()
    kinds = (list, tuple, dict, set, np.ndarray, torch.Tensor)
    return any(is_a(value, kinds) and len(value) > 1 for value in stored)


def _repeated_references(dataset: Any, length: int | None) -> dict[str, int]:
    """Return the lists that hold one object several times, with the number of objects."""
    found: dict[str, int] = {}
    if not length:
        return found
    for path, value in walk({"dataset": dataset}, classes=False):
        if not is_a(value, (list, tuple)) or len(value) != length:  # type: ignore[arg-type]
            continue
        items: Any = value
        if all(is_a(item, _NEVER_EDITED) or item is None for item in items):
            continue
        objects = len({id(item) for item in items})
        if objects < length:
            found[path] = objects
    return found


def _lengths_of_inner_datasets(dataset: Any) -> tuple[int, ...]:
    """Return the lengths of the datasets that a dataset wraps."""
    lengths = set()
    for path, value in walk({"dataset": dataset}, classes=False):
        if path != "dataset" and is_a(value, Dataset):
            with contextlib.suppress(
                Exception
            ):  # the user's __len__ may raise anything
                lengths.add(len(value))  # type: ignore[arg-type]
    return tuple(sorted(lengths))


def _subset(dataset: Any) -> bytes | None:
    digests = []
    while type(dataset) is Subset:
        try:
            digests.append(fingerprint(np.asarray(dataset.indices)))
        except (TypeError, ValueError, OverflowError):
            return None
        dataset = dataset.dataset
    return fingerprint(digests) if digests else None
