"""A stream of which every worker of every rank reads its own part."""

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

T = TypeVar("T")


class shard(IterableDataset[T], Generic[T]):
    """Split an iterable between the workers of all ranks, each time that it is iterated.

    Item *k* goes to the *k*-th of all workers, and so on in turn. Every worker reads the
    whole iterable and leaves out what is not its own. If reading is expensive, shard the
    names of the files, and read them in an :class:`~torch.utils.data.IterableDataset`
    around it.

    Parameters
    ----------
    iterable : iterable
        The items. Each pass iterates it anew, in the same order in all processes.
    shuffle_buffer : int, optional
        How many items to hold back and to choose from at random. The choice is drawn from
        torch's global generator, which differs in every epoch and worker.

    Raises
    ------
    TypeError
        If `iterable` is an iterator, which has one pass.
    ValueError
        If `shuffle_buffer` is less than 2.

    Warns
    -----
    RuntimeWarning
        If a worker gets nothing, because there are fewer items than workers.

    Notes
    -----
    Without workers, or without ranks, it splits between what there is. Ranks get numbers
    of items that differ by at most one for each worker; drop what is over where all ranks
    have to take the same number of steps.

    Examples
    --------
    >>> from dejabatch import shard
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(shard(range(6)), batch_size=None, num_workers=2)
    >>> sorted(loader)
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(self, iterable: Iterable[T], *, shuffle_buffer: int | None = None):
        given: Any = iterable
        if not isinstance(given, Iterable) or isinstance(given, Iterator):
            msg = (
                "iterable must be one that can be iterated again and again, such as a list "
                f"or an object whose __iter__ begins anew, not {type(given).__qualname__}"
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
        self._ranks: tuple[int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Tell a worker that is being started its rank, which it could not find out."""
        state = self.__dict__.copy()
        if multiprocessing.context.get_spawning_popen() is not None:
            state["_ranks"] = rank_and_world_size()
        return state

    def __iter__(self) -> Iterator[T]:
        """Yield this worker's items."""
        rank, world_size = self._ranks or rank_and_world_size()
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        part, parts = rank * workers + worker, world_size * workers
        items = itertools.islice(self.iterable, part, None, parts)
        first = list(itertools.islice(items, 1))
        if not first:
            warnings.warn(
                f"worker {worker} of rank {rank} gets nothing: there are fewer items than "
                f"the {parts} workers",
                RuntimeWarning,
                stacklevel=2,
            )
        own = itertools.chain(first, items)
        return own if self.shuffle_buffer is None else self._shuffled(own)

    def _shuffled(self, items: Iterator[T]) -> Iterator[T]:
        assert self.shuffle_buffer is not None
        seed = int(torch.empty((), dtype=torch.int64).random_())
        rng = random.Random(seed)
        held = list(itertools.islice(items, self.shuffle_buffer))
        for item in items:
            position = rng.randrange(len(held))
            yield held[position]
            held[position] = item
        rng.shuffle(held)
        yield from held
