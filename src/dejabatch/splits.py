"""The objects in a loader that split the data between ranks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from dejabatch.ranks import rank_and_world_size

# Attributes under which samplers, batch samplers and datasets store what they wrap.
_WRAPPED: Final = ("batch_sampler", "sampler", "_sampler", "dataset", "iterable")
# Attributes that hold the number of parts and the part of this rank: torch's,
# accelerate's and transformers', then names that users choose.
_NAMES: Final = (
    ("num_replicas", "rank"),
    ("num_processes", "process_index"),
    ("world_size", "rank"),
    ("num_ranks", "rank"),
    ("num_shards", "shard_id"),
)
_MOST_DEPTH: Final = 8
# Classes of accelerate, transformers and Lightning that split what they iterate.
_SPLITTERS: Final = (
    "BatchSamplerShard",
    "DataLoaderDispatcher",
    "DistributedSamplerWrapper",
    "IterableDatasetShard",
)


@dataclass(frozen=True, slots=True)
class Split:
    """An object that splits data between ranks.

    Attributes
    ----------
    path : str
        Where the object is, such as ``batch_sampler.sampler``.
    kind : str
        The name of its class.
    parts, part : int
        The number of parts, and the part of this rank.
    """

    path: str
    kind: str
    parts: int
    part: int


def splits_of(loader: Any) -> tuple[Split, ...]:
    """Return the objects that split a loader's data between ranks, each once.

    Recognized are attributes such as ``num_replicas`` and ``rank``, the splits of
    Hugging Face's ``split_dataset_by_node``, and `dejabatch.shard`. An object that splits
    data without such attributes is not recognized.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        The loader.

    Returns
    -------
    tuple of Split
        The outermost first.
    """
    found: list[Split] = []
    seen: set[int] = set()
    queue = [
        (name, getattr(loader, name, None), 0)
        for name in ("batch_sampler", "sampler", "dataset")
    ]
    while queue:
        path, value, depth = queue.pop(0)
        if value is None or id(value) in seen or depth > _MOST_DEPTH:
            continue
        seen.add(id(value))
        found += _splits_at(path, value)
        held = getattr(value, "__dict__", {})
        queue += [
            (f"{path}.{name}", held[name], depth + 1)
            for name in _WRAPPED
            if name in held
        ]
    return tuple(found)


def _splits_at(path: str, value: Any) -> Iterator[Split]:
    kind = type(value).__qualname__
    if type(value).__module__ == "dejabatch.fixes.streaming":
        rank, world_size = rank_and_world_size()
        if world_size > 1 and value.ranks:
            yield Split(path, kind, world_size, rank)
        return
    held = getattr(value, "__dict__", {})
    # Hugging Face keeps the arguments of split_dataset_by_node in one object.
    held = getattr(held.get("_distributed"), "__dict__", held)
    for parts_name, part_name in _NAMES:
        parts, part = held.get(parts_name), held.get(part_name)
        if type(parts) is int and type(part) is int and parts > 0:
            yield Split(path, kind, parts, part)
            return


def split_around(value: object) -> Split | None:
    """Return the split of a framework that iterates an object, if there is one.

    Parameters
    ----------
    value : object
        The object that is being iterated.

    Returns
    -------
    Split or None
        Found in the frames of this process and, in a forked worker, in the loader that
        accelerate iterates in the main process.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if found := _as_splitter(frame.f_locals.get("self")):
            return found
        frame = frame.f_back
    gradient_state: Any = getattr(
        sys.modules.get("accelerate.state"), "GradientState", None
    )
    if getattr(gradient_state, "_shared_state", None):
        for loader in gradient_state().dataloader_references:
            found = _as_splitter(loader)
            if found and _holds(loader.base_dataloader.dataset, value):
                return found
    return None


def _holds(owner: object, wanted: object, depth: int = 4) -> bool:
    if owner is wanted:
        return True
    held = getattr(owner, "__dict__", {}).values() if depth else ()
    return any(_holds(one, wanted, depth - 1) for one in held)


def _as_splitter(value: Any) -> Split | None:
    kind = type(value).__name__
    if kind not in _SPLITTERS:
        return None
    if kind == "DataLoaderDispatcher":
        rank, world_size = rank_and_world_size()
        found = Split("loader", kind, world_size, rank)
    else:
        found = next(_splits_at("loader", value), Split("loader", kind, 1, 0))
    return found if found.parts > 1 else None
