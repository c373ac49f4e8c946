"""What was seen of a loader: plain values that can be pickled, compared and stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

MAIN_PROCESS = -1
"""Number of the "worker" that is the main process."""

Census: TypeAlias = dict[str, bytes]
"""Digest of every random generator, by its path."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a loader says of itself, before anything is read from it.

    Attributes
    ----------
    map_style : bool
        False for an iterable dataset.
    dataset, sampler : str
        Their classes, as ``module.name``.
    length : int or None
        ``len(dataset)``; None if it has none.
    batch_size : int or None
        None without automatic batching, and with a custom batch sampler.
    num_workers : int
        0 if samples are made in the main process.
    start_method : str or None
        How workers start; None without workers.
    persistent_workers : bool
        Whether workers live on from one epoch to the next.
    """

    map_style: bool
    dataset: str
    sampler: str
    length: int | None
    batch_size: int | None
    num_workers: int
    start_method: str | None
    persistent_workers: bool


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """A process that is about to make its first sample.

    Attributes
    ----------
    epoch, worker : int
        The worker is -1 for the main process, which is there once, whether it
        makes samples or not.
    census : dict of str to bytes
        Digest of its generators after ``worker_init_fn``, the global ones included.
    """

    epoch: int
    worker: int
    census: Census


@dataclass(frozen=True, slots=True)
class Fetch:
    """One batch, as the worker had it before it was collated.

    Attributes
    ----------
    epoch, batch, worker : int
        Where and when; `batch` counts from 0 in each epoch.
    indices : numpy.ndarray or None
        What the sampler asked for, int64 of shape (samples,). None for an iterable dataset and for indices that are
        no integers.
    digests : numpy.ndarray
        Fingerprint of each sample, uint8 of shape (samples, 16).
    census : dict of str to bytes
        Digest of the generators after the samples were made and collated.
    """

    epoch: int
    batch: int
    worker: int
    indices: npt.NDArray[np.int64] | None
    digests: npt.NDArray[np.uint8]
    census: Census


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The end of an epoch.

    Attributes
    ----------
    epoch : int
        Which one.
    complete : bool
        False if reading stopped at ``max_batches``.
    """

    epoch: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was seen of one loader.

    Attributes
    ----------
    facts : dejabatch.observe.record.Facts or None
        What the loader says of itself; None if it could not be made.
    starts : tuple of dejabatch.observe.record.WorkerStart
        The main process, and each worker in each epoch in which it was started.
    fetches : tuple of dejabatch.observe.record.Fetch
        The batches in the order of delivery.
    ends : tuple of dejabatch.observe.record.EpochEnd
        The epochs that came to an end.
    opaque : tuple of str
        Types of parts of samples that show no content.
    error : str or None
        Traceback of what ended the reading early.
    out_of_time : bool
        Whether the time limit ended it.
    """

    facts: Facts | None
    starts: tuple[WorkerStart, ...]
    fetches: tuple[Fetch, ...]
    ends: tuple[EpochEnd, ...]
    opaque: tuple[str, ...] = ()
    error: str | None = None
    out_of_time: bool = False

    def main_census(self) -> Census:
        """Return the generators of the main process before the first epoch."""
        return next(s.census for s in self.starts if s.worker == MAIN_PROCESS)

    def epoch_starts(self) -> dict[tuple[int, int], Census]:
        """Return the generators of each worker at the start of each epoch.

        Returns
        -------
        dict of (epoch, worker) to Census
            A worker that lives on starts an epoch as it left the one before.
        """
        started = {(s.epoch, s.worker): s.census for s in self.starts}
        ends = self.epoch_ends()
        lived_on = {
            (epoch + 1, worker): census for (epoch, worker), census in ends.items()
        }
        return {key: (lived_on | started)[key] for key in ends}

    def first_fetches(self) -> dict[tuple[int, int], Fetch]:
        """Return the first batch of each worker in each epoch, by (epoch, worker)."""
        return {(f.epoch, f.worker): f for f in reversed(self.fetches)}

    def epoch_ends(self) -> dict[tuple[int, int], Census]:
        """Return the generators of each worker after its last batch of each epoch."""
        return {(f.epoch, f.worker): f.census for f in self.fetches}


def as_indices(indices: Any) -> npt.NDArray[np.int64] | None:
    """Return a batch sampler's indices as an array; None if they are no integers."""
    try:
        array = np.asarray(indices)
    except (TypeError, ValueError):
        return None
    if array.ndim > 1 or array.dtype.kind not in "iu":
        return None
    return array.reshape(-1).astype(np.int64)
