"""Attributes of a loader that show without iterating it."""

from __future__ import annotations

import multiprocessing
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from dejabatch.loaders import with_set_epoch
from dejabatch.observe.record import (
    DEFAULT_TORCH_GENERATOR,
    Facts,
    NestedSubset,
    numpy_recipe,
)
from dejabatch.state import generators
from dejabatch.state.open_files import holds_lock
from dejabatch.state.reach import library_of


def facts_of(loader: DataLoader[Any]) -> Facts:
    """Collect what a loader says of itself, without iterating it."""
    try:
        length: int | None = len(loader.dataset)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        length = None
    context = loader.multiprocessing_context or multiprocessing
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
        start_method=context.get_start_method() if loader.num_workers else None,
        persistent_workers=loader.persistent_workers,
        worker_init_fn=loader.worker_init_fn is not None,
        # The loader's own drop_last is False if a batch sampler was passed to it.
        drop_last=stored(loader.batch_sampler, "drop_last") is True,
        num_weights=len(sampler.weights)
        if isinstance(sampler, WeightedRandomSampler)
        else None,
        sampler_has_set_epoch=any("sampler" in path for path in with_epoch),
        dataset_has_set_epoch=any(path.startswith("dataset") for path in with_epoch),
        holds_lock=holds_lock(loader.dataset),
        unused_attributes=_unused_attributes(loader.dataset),
        one_shot=hasattr(type(sampler if map_style else loader.dataset), "__next__"),
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
        search_stopped_at=finder.stopped_at,
    )


def sampler_path(loader: DataLoader[Any]) -> str:
    """Return the path of the object that decides on the order."""
    batch_sampler = loader.batch_sampler
    if batch_sampler is None:
        return "sampler"
    if type(batch_sampler) is not BatchSampler:
        return "batch_sampler"
    same = batch_sampler.sampler is loader.sampler
    return "sampler" if same else "batch_sampler.sampler"


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
    return states


def class_name(value: object) -> str:
    """Return the class of an object as ``module.name``."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def stored(value: object, name: str) -> object:
    """Return an attribute where it is stored, without running a property."""
    return getattr(value, "__dict__", {}).get(name)


def _unused_attributes(dataset: object) -> tuple[str, ...]:
    if type(dataset) is not Subset:
        return ()
    return tuple(name for name in vars(dataset) if name not in {"dataset", "indices"})


def _as_int(value: object, *, default: int) -> int:
    return value if isinstance(value, int) else default
