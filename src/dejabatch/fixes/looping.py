"""Iterate a loader for many epochs, and pass each epoch's number to the loader."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader

from dejabatch.loaders import (
    changed_in_this_process,
    set_counters,
    unwrap,
    with_set_epoch,
)

T = TypeVar("T")


class SharedEpoch:
    """An epoch number in shared memory.

    A dataset that stores a `SharedEpoch` sees the main process's number in its workers,
    including persistent workers, which live on from one epoch to the next.

    Parameters
    ----------
    epoch : int
        The first number, at least 0 and less than 2**63.

    Raises
    ------
    ValueError
        If a number is not such an integer, here or when `value` is set.

    Examples
    --------
    >>> from dejabatch import SharedEpoch
    >>> from torch.utils.data import Dataset
    >>> class Mine(Dataset):
    ...     def __init__(self):
    ...         self.epoch = SharedEpoch()
    ...
    ...     def set_epoch(self, epoch):
    ...         self.epoch.value = epoch
    >>> dataset = Mine()
    >>> dataset.set_epoch(3)
    >>> dataset.epoch
    SharedEpoch(3)
    """

    def __init__(self, epoch: int = 0) -> None:
        self._shared = torch.tensor(_valid_epoch(epoch))
        self._shared.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def value(self) -> int:
        """The number that any process has set last."""
        return int(self._shared)

    @value.setter
    def value(self, epoch: int) -> None:
        self._shared.fill_(_valid_epoch(epoch))

    def __repr__(self) -> str:
        """Return an expression for an equal object."""
        return f"SharedEpoch({self.value})"


def set_epoch(loader: Any, epoch: int) -> None:
    """Call every ``set_epoch`` in a loader with the number of the next epoch.

    Samplers, batch samplers and datasets can have a ``set_epoch``, and so can the
    samplers and datasets that they wrap.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        A DataLoader, or a wrapper that accelerate, Lightning Fabric or webdataset made
        of one, whose own count of epochs is set, too. No epoch may be running.
    epoch : int
        At least 0 and less than 2**63.

    Raises
    ------
    LookupError
        If nothing in the loader has a ``set_epoch``.
    TypeError
        If `loader` is not a DataLoader.
    ValueError
        If `epoch` is not such an integer.
    RuntimeError
        If persistent workers cannot see the number. Either an epoch is running, whose
        batches the workers prepare in advance, or the dataset stores the number in an
        attribute, of which each worker has a copy. Store the number in a `SharedEpoch`
        instead.

    Examples
    --------
    >>> from dejabatch import set_epoch
    >>> from torch.utils.data import DataLoader
    >>> from torch.utils.data.distributed import DistributedSampler
    >>> sampler = DistributedSampler(range(8), num_replicas=2, rank=0)
    >>> loader = DataLoader(range(8), sampler=sampler)
    >>> set_epoch(loader, 3)
    >>> sampler.epoch
    3
    """
    _valid_epoch(epoch)
    counted = set_counters(loader, epoch)
    inner = unwrap(loader)
    if not isinstance(inner, DataLoader):
        msg = f"loader must be a DataLoader, not {type(inner).__qualname__}"
        raise TypeError(msg)
    targets = with_set_epoch(inner)
    if not targets and not counted:
        msg = (
            "loader: neither its sampler nor its dataset has a set_epoch. A RandomSampler "
            "needs no set_epoch: it draws a new order for each epoch"
        )
        raise LookupError(msg)
    # Only a loader with persistent workers keeps its iterator between epochs.
    iterator = inner.__dict__.get("_iterator")
    if getattr(iterator, "_tasks_outstanding", 0) > 0:
        msg = (
            "loader: its workers are preparing batches of an epoch that is still running. "
            "Call set_epoch before the epoch begins; if the dataset is an endless stream, "
            "give the stream an end, or let the dataset count its epochs itself"
        )
        raise RuntimeError(msg)
    for path, target in targets.items():
        changed_here_only = changed_in_this_process(target, epoch)
        in_dataset = path.partition(".")[0] == "dataset"
        if changed_here_only and in_dataset and iterator is not None:
            msg = (
                f"loader: {path}.set_epoch changes the copy of the main process, and the "
                "persistent workers have copies of their own. Store the number in a "
                "dejabatch.SharedEpoch"
            )
            raise RuntimeError(msg)


def forever(loader: Iterable[T], *, epoch: int = 0) -> Iterator[T]:
    """Yield the batches of a loader, epoch after epoch, without an end.

    ``itertools.cycle`` stores the batches of the first epoch and repeats them. `forever`
    iterates the loader again for every epoch, with a new order and new augmentations.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader or iterable
        Every ``set_epoch`` in a DataLoader is called with the number of each epoch.
    epoch : int
        Number of the first epoch, to continue an earlier run.

    Yields
    ------
    object
        The batches.

    Raises
    ------
    RuntimeError
        If an epoch has no batch, or if `set_epoch` raises it.
    TypeError
        If `loader` is not an iterable of batches.
    ValueError
        If `epoch` is not an integer of at least 0 and less than 2**63.

    Examples
    --------
    >>> from itertools import islice
    >>> from dejabatch import forever
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(3), shuffle=True)
    >>> batches = list(islice(forever(loader), 6))
    >>> sorted(batches[:3]) == sorted(batches[3:])
    True
    """
    inner = unwrap(loader)
    for number in itertools.count(_valid_epoch(epoch)):
        if isinstance(inner, DataLoader) and with_set_epoch(inner):
            set_epoch(loader, number)
        batch = None
        for batch in loader:
            yield batch
        if batch is None:
            msg = (
                f"loader: epoch {number} has no batch. If the loader, its sampler or its "
                "dataset is a generator, which supports one pass only, use an object "
                "whose __iter__ starts again"
            )
            raise RuntimeError(msg)


def _valid_epoch(epoch: Any) -> int:
    """Return the epoch, or raise a ValueError that names it."""
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not 0 <= epoch < 2**63:
        msg = (
            f"epoch must be an integer of at least 0 and less than 2**63, not {epoch!r}"
        )
        raise ValueError(msg)
    return epoch
