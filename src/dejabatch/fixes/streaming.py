"""Split a stream between the workers of all ranks."""

from __future__ import annotations

import itertools
import multiprocessing.context
import random
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import IterableDataset, get_worker_info

from dejabatch.ranks import rank_and_world_size
from dejabatch.splits import split_around

T = TypeVar("T")


class shard(IterableDataset[T], Generic[T]):
    """Split an iterable between the workers of all ranks, each time it is iterated.

    Worker *w* of rank *r* gets every n-th item, where *n* is the number of workers of all
    ranks: ``islice(iterable, r * num_workers + w, None, world_size * num_workers)``.
    Every worker reads the whole iterable and skips the items of other workers. If reading
    is expensive, shard file names instead, and read the files in an
    :class:`~torch.utils.data.IterableDataset` around the shard.

    Parameters
    ----------
    iterable : iterable
        The items. Each pass iterates it again and must find the same order in all
        processes.
    shuffle_buffer : int, optional
        Number of items to hold back and choose from at random. Choices are drawn from
        torch's global generator, which differs in every epoch and worker.
    ranks : bool
        Whether to split between ranks, too. Pass False if another object does that, such
        as ``accelerator.prepare`` or Hugging Face's Trainer.

    Raises
    ------
    TypeError
        If `iterable` is an iterator, which supports one pass only, or not iterable.
    ValueError
        If `shuffle_buffer` is less than 2.
    RuntimeError
        When it is iterated, if accelerate or Trainer splits the items between ranks once
        more, which would leave items on no rank.

    Warns
    -----
    RuntimeWarning
        If a worker gets no items because there are fewer items than workers.

    Notes
    -----
    Without workers, the items are split between ranks; without ranks, between workers.
    The numbers of items that two ranks get differ by at most the number of workers of a
    rank. Where all ranks must take the same number of steps, drop the surplus.

    Examples
    --------
    >>> from dejabatch import shard
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(shard(range(6)), batch_size=None, num_workers=2)
    >>> sorted(loader)
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(
        self,
        iterable: Iterable[T],
        *,
        shuffle_buffer: int | None = None,
        ranks: bool = True,
    ) -> None:
        given: Any = iterable
        if not isinstance(given, Iterable) or isinstance(given, Iterator):
            msg = (
                "iterable must support several passes, such as a list or an object whose "
                "__iter__ returns a new iterator each time, not "
                f"{type(given).__qualname__}"
            )
            raise TypeError(msg)
        size: Any = shuffle_buffer
        if size is not None and (not isinstance(size, int) or size < 2):
            msg = (
                f"shuffle_buffer must be None or an integer of at least 2, not {size!r}"
            )
            raise ValueError(msg)
        self.iterable = iterable
        self.shuffle_buffer = shuffle_buffer
        self.ranks = ranks
        self._rank_and_world_size: tuple[int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Store the rank for a spawned worker, which has no process group to ask."""
        state = self.__dict__.copy()
        if multiprocessing.context.get_spawning_popen() is not None:
            state["_rank_and_world_size"] = rank_and_world_size()
        return state

    def __iter__(self) -> Iterator[T]:
        """Yield this worker's items."""
        rank, world_size = (0, 1)
        if self.ranks:
            rank, world_size = self._rank_and_world_size or rank_and_world_size()
        self._refuse_second_split(world_size)
        info = get_worker_info()
        worker, num_workers = (0, 1) if info is None else (info.id, info.num_workers)
        start, step = rank * num_workers + worker, world_size * num_workers
        items = itertools.islice(self.iterable, start, None, step)
        first = list(itertools.islice(items, 1))
        if not first:
            warnings.warn(
                f"worker {worker} of rank {rank} gets no items: the iterable has fewer "
                f"items than there are workers ({step}). Use fewer workers",
                RuntimeWarning,
                stacklevel=2,
            )
        own_items = itertools.chain(first, items)
        return own_items if self.shuffle_buffer is None else self._shuffled(own_items)

    def _refuse_second_split(self, world_size: int) -> None:
        outside = split_around(self)
        if outside is None:
            return
        if world_size > 1:
            msg = (
                f"shard splits the items between {world_size} ranks, and {outside.kind} "
                f"splits them into {outside.parts} parts once more: most items would be "
                "on no rank. Pass ranks=False to shard, which then splits between workers "
                "only"
            )
            raise RuntimeError(msg)
        if self.shuffle_buffer is not None and outside.kind != "DataLoaderDispatcher":
            msg = (
                f"{outside.kind} takes every {outside.parts}th batch and needs one order "
                "on all ranks, and shuffle_buffer draws another order on each rank: leave "
                "shuffle_buffer out"
            )
            raise RuntimeError(msg)

    def _shuffled(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items in the order in which a shuffle buffer releases them."""
        assert self.shuffle_buffer is not None
        seed = int(torch.empty((), dtype=torch.int64).random_())
        generator = random.Random(seed)
        held = list(itertools.islice(items, self.shuffle_buffer))
        for item in items:
            position = generator.randrange(len(held))
            yield held[position]
            held[position] = item
        generator.shuffle(held)
        yield from held
