"""Draw indices from a loader's sampler, without making any sample."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, IterableDataset

from dejabatch.loaders import PROBE_EPOCH, with_set_epoch
from dejabatch.observe.experiments.seeding_trace import seeding_functions
from dejabatch.observe.record import Draws, as_indices
from dejabatch.state.reach import walk

_EPOCHS = 4
_MOST_EPOCHS = 28
_MOST_INDICES = 2**17
_SECONDS = 1.0


def draw(loader: DataLoader[Any]) -> Draws | None:
    """Draw the indices of several epochs.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        Its sampler is used up if the sampler has one pass.

    Returns
    -------
    dejabatch.observe.record.Draws or None
        None if the dataset is iterable, if an index is not an integer, or if the sampler
        raises.
    """
    if isinstance(loader.dataset, IterableDataset):
        return None
    source = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    deadline = time.monotonic() + _SECONDS
    after_set_epoch = None
    epochs: list[_Epoch] = []
    seeding: tuple[str, ...] = ()
    for number in range(_EPOCHS):
        try:
            if number:
                drawn = _draw_epoch(source, deadline)
            else:
                first = partial(_draw_epoch, source, deadline)
                drawn, seeding = seeding_functions(first)
        except Exception:  # noqa: BLE001 - the epochs that were read show the exception
            return None
        if drawn is None:
            return None
        epochs.append(drawn)
        if not drawn.ended:
            break
    complete = epochs[-1].ended
    indices = [epoch.indices for epoch in epochs]
    more = _more_epochs(loader.dataset, source, indices, deadline) if complete else []
    targets = [o for path, o in with_set_epoch(loader).items() if "sampler" in path]
    if complete and targets:
        with contextlib.suppress(Exception):  # the user's set_epoch may raise anything
            for target in targets:
                target.set_epoch(PROBE_EPOCH)
            epoch = _draw_epoch(source, deadline)
            after_set_epoch = None if epoch is None else epoch.indices
    return Draws(
        (*indices, *more),
        complete=complete,
        after_set_epoch=after_set_epoch,
        length=_length(source),
        yielded=tuple(epoch.yielded for epoch in epochs),
        seeding_functions=seeding,
        held=_held(source, loader.dataset) if more else None,
    )


def _more_epochs(
    dataset: Any,
    source: Iterable[Any],
    epochs: list[npt.NDArray[np.int64]],
    deadline: float,
) -> list[npt.NDArray[np.int64]]:
    """Draw more epochs of a sampler that leaves out other indices in each epoch."""
    more: list[npt.NDArray[np.int64]] = []
    with contextlib.suppress(Exception):  # the user's code may raise anything
        length = len(dataset)
        first, *others = (np.unique(epoch) for epoch in epochs)
        if len(first) >= length or all(np.array_equal(first, one) for one in others):
            return more
        while len(more) < _MOST_EPOCHS and time.monotonic() < deadline:
            drawn = _draw_epoch(source, deadline)
            if drawn is None or not drawn.ended:
                break
            more.append(drawn.indices)
    return more


def _length(source: Any) -> int | None:
    """Return the length that a sampler says it has; None if it has none."""
    with contextlib.suppress(Exception):  # the user's code may raise anything
        return len(source)
    return None


def _held(source: Iterable[Any], dataset: object) -> npt.NDArray[np.int64]:
    """Return the integers in the containers and arrays of a sampler, each once.

    Many samplers hold the dataset as well, whose integers are labels.
    """
    found = [np.empty(0, np.int64)]
    for path, value in walk(
        {"sampler": source},
        enter=lambda value: value is not dataset,
        classes=False,
        every_item=True,
    ):
        if isinstance(value, int) and path.endswith("]"):
            found.append(np.array([value], np.int64))
        elif isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim == 1:
            indices = as_indices(value)
            found += [] if indices is None else [indices]
    return np.unique(np.concatenate(found))


class _Epoch(NamedTuple):
    """The items that a sampler yielded in one epoch.

    Attributes
    ----------
    indices : numpy.ndarray
        The indices, int64 of shape (samples,).
    yielded : int
        How many indices or batches there were.
    ended : bool
        Whether the epoch came to its end.
    """

    indices: npt.NDArray[np.int64]
    yielded: int
    ended: bool


def _draw_epoch(source: Iterable[Any], deadline: float) -> _Epoch | None:
    """Draw an epoch's indices; None if an index is not an integer."""
    chunks: list[npt.NDArray[np.int64]] = []
    singles: list[int] = []
    count = 0
    for item in source:
        if isinstance(item, int):
            singles.append(item)
            count += 1
        else:
            indices = as_indices(item)
            if indices is None:
                return None
            chunks.append(indices)
            count += max(len(indices), 1)
        if count >= _MOST_INDICES or (count % 64 == 0 and time.monotonic() > deadline):
            ended = False
            break
    else:
        ended = True
    joined = np.concatenate([np.array(singles, np.int64), *chunks])
    return _Epoch(joined, len(singles) + len(chunks), ended)
