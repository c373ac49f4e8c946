"""One pass after another over a loader, each with its own epoch number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader

from dejabatch.loaders import changed_in_this_process, unwrap, with_set_epoch

T = TypeVar("T")


class SharedEpoch:
    """An epoch number that lies in shared memory.

    A dataset that stores one has the main process's number in its workers, too, also in
    those that live on from one epoch to the next.

    Parameters
    ----------
    epoch : int
        The number to begin with, at least 0 and less than 2**63.

    Raises
    ------
    ValueError
        If it is no such number, here or when `value` is set.

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
        self._shared = torch.tensor(_checked(epoch))
        self._shared.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def value(self) -> int:
        """The number, as the process that wrote last has set it."""
        return int(self._shared)

    @value.setter
    def value(self, epoch: int) -> None:
        self._shared.fill_(_checked(epoch))

    def __repr__(self) -> str:
        """Return how it would be made."""
        return f"SharedEpoch({self.value})"


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell everything in a loader that has a ``set_epoch`` which epoch is next.

    That is the sampler, the batch sampler, the dataset, and those that they wrap.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        Or a wrapper of one. It must not be in the middle of a pass.
    epoch : int
        At least 0.

    Raises
    ------
    LookupError
        If nothing in it has a ``set_epoch``.
    TypeError
        If `loader` is no DataLoader.
    ValueError
        If `epoch` is no integer of at least 0.
    RuntimeError
        If persistent workers cannot see the number: they are at work on a pass, whose
        batches they make in advance, or they have copies of a dataset that stores it in
        an attribute of its own. For the latter there is `SharedEpoch`.

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
    _checked(epoch)
    inner = unwrap(loader)
    if not isinstance(inner, DataLoader):
        msg = f"loader must be a DataLoader, not {type(inner).__qualname__}"
        raise TypeError(msg)
    targets = with_set_epoch(inner)
    if not targets:
        msg = (
            "loader: neither its sampler nor its dataset has a set_epoch. A RandomSampler "
            "needs none: it draws another order for each pass"
        )
        raise LookupError(msg)
    workers = inner.__dict__.get("_iterator")  # of persistent workers only
    if getattr(workers, "_tasks_outstanding", 0) > 0:
        msg = (
            "loader: its workers are at work on a pass, and have made batches in advance. "
            "Call set_epoch before the pass begins; for a stream without end, give the "
            "dataset an end, or let it count its epochs itself"
        )
        raise RuntimeError(msg)
    for path, target in targets.items():
        here_only = changed_in_this_process(target, epoch)
        if here_only and path.partition(".")[0] == "dataset" and workers is not None:
            msg = (
                f"loader: {path}.set_epoch changes the copy of the main process, and the "
                "persistent workers have their own. Store the number in a "
                "dejabatch.SharedEpoch"
            )
            raise RuntimeError(msg)


def forever(loader: Iterable[T], *, epoch: int = 0) -> Iterator[T]:
    """Yield the batches of a loader, pass after pass, without an end.

    In place of ``itertools.cycle``, which stores the batches of the first pass and
    repeats them: here every pass is a new one, with a new order and new augmentations.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader or iterable
        Whatever has a ``set_epoch`` in it is told the number of each pass.
    epoch : int
        Number of the first pass, to go on where a run has ended.

    Yields
    ------
    object
        The batches.

    Raises
    ------
    RuntimeError
        If a pass gives no batch; as `set_epoch` does.
    TypeError
        If `loader` is no iterable of batches.

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
    for number in itertools.count(_checked(epoch)):
        if isinstance(inner, DataLoader) and with_set_epoch(inner):
            set_epoch(inner, number)
        batch = None
        for batch in loader:
            yield batch
        if batch is None:
            msg = f"loader: epoch {number} has no batch. "
            msg += "Is it, its sampler or its dataset a generator, which has one pass?"
            raise RuntimeError(msg)


def _checked(epoch: Any) -> int:
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not 0 <= epoch < 2**63:
        msg = (
            f"epoch must be an integer of at least 0 and less than 2**63, not {epoch!r}"
        )
        raise ValueError(msg)
    return epoch
