"""Count the random streams that a seeding scheme repeats between ranks, epochs and runs.

A seeding scheme is what a program does to seed its workers: how the main process of each
rank is seeded, and the ``worker_init_fn``. `check_seeding` runs a scheme for many ranks,
workers, epochs and seeds, and counts the streams that occur more than once.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import worker as torch_worker

from dejabatch.observe.children import can_fork
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.state import GLOBAL_NAMES, generators

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES: Final = ("rank or worker", "epoch", "seed")
"""Where a stream can be repeated: within an epoch, within a run, or between runs."""

# Digests of Python's, NumPy's and torch's global generator, in this order.
_Digests = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to seed the workers of a distributed program.

    Attributes
    ----------
    name : str
        Name of the scheme in reports.
    seed_main : callable
        Takes a run's seed and a rank, and seeds the main process of that rank.
    worker_init_fn : callable or None
        The ``worker_init_fn`` of the program's loaders.
    fresh_workers : bool
        Whether each epoch starts new workers; False for persistent workers.

    Examples
    --------
    >>> import torch
    >>> from dejabatch import Scheme, check_seeding
    >>> def seed_main(seed, rank):
    ...     torch.manual_seed(1000 * seed + rank)
    >>> report = check_seeding(Scheme("1000 * seed + rank", seed_main))
    >>> report.shared["torch"]["rank or worker"]
    0.0
    """

    name: str
    seed_main: Callable[[int, int], object]
    worker_init_fn: Callable[[int], None] | None = None
    fresh_workers: bool = True


@dataclass(frozen=True, slots=True)
class SchemeReport:
    """The streams that `check_seeding` counted.

    Attributes
    ----------
    name : str
        Name of the scheme.
    num_streams : int
        Number of streams of each generator: seeds x epochs x ranks x workers.
    shared : mapping of str to mapping of str to float
        By generator (``"random"``, ``"np.random"``, ``"torch"``) and by axis
        (``"rank or worker"``, ``"epoch"``, ``"seed"``): the share of streams, from 0 to 1,
        that another rank or worker of the same epoch, another epoch of the same run, or a
        run with another seed has as well.
    stream_ids : mapping of str to numpy.ndarray
        By generator: an id for each stream, int64 of shape (seeds, epochs, ranks,
        workers). Equal streams have equal ids.
    verified : bool
        Whether real workers of a DataLoader began with the streams that were counted.

    Examples
    --------
    >>> from dejabatch import check_seeding
    >>> report = check_seeding(None, ranks=2, workers=3, epochs=1, seeds=[0])
    >>> report.stream_ids["torch"].tolist()  # both ranks have the same three
    [[[[0, 1, 2], [0, 1, 2]]]]
    >>> report.ok, report.verified
    (False, True)
    """

    name: str
    num_streams: int
    shared: Mapping[str, Mapping[str, float]]
    stream_ids: Mapping[str, np.ndarray[Any, np.dtype[np.int64]]]
    verified: bool

    @property
    def ok(self) -> bool:
        """Whether every stream occurs only once."""
        return not any(any(axes.values()) for axes in self.shared.values())

    def __str__(self) -> str:
        """Return a table: a row for each generator, a column for each axis."""
        head = (
            f"{self.name}: {self.num_streams} streams of each generator; "
            "shared with another"
        )
        rows = [f"{'':12}" + "".join(f"{axis:>16}" for axis in AXES)]
        for name, axes in self.shared.items():
            shares = "".join(f"{axes[axis]:>15.0%} " for axis in AXES)
            rows.append(f"{name:12}{shares.rstrip()}")
        if not self.verified:
            rows.append(
                "real workers began with other streams: do not rely on the table"
            )
        return "\n".join([head, *rows])

    def _repr_html_(self) -> str:
        """Return the table as HTML, which notebooks show."""
        head = "".join(f"<th>{axis}</th>" for axis in ("", *AXES))
        rows = "".join(
            f"<tr><th>{name}</th>"
            + "".join(f"<td>{axes[axis]:.0%}</td>" for axis in AXES)
            + "</tr>"
            for name, axes in self.shared.items()
        )
        caption = (
            f"{escape(self.name)}: share of {self.num_streams} streams that occur "
            "more than once"
        )
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>"

    def plot(self, ax: Axes | None = None, *, generator: str = "np.random") -> Axes:
        """Draw every stream as a cell; equal colours are equal streams. Needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        generator : {"np.random", "random", "torch"}
            The generator whose streams are drawn.

        Returns
        -------
        matplotlib.axes.Axes
            The axes, with a row for each seed and epoch, and a column for each rank and
            worker. A dot marks every stream that an earlier cell has as well.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        KeyError
            If `generator` is none of these names.

        Examples
        --------
        >>> from dejabatch import check_seeding
        >>> report = check_seeding(None, ranks=2, seeds=[0])
        >>> ax = report.plot(generator="torch")
        >>> ax.get_title()
        'no worker_init_fn'
        """
        import matplotlib.pyplot as plt  # noqa: PLC0415 - an optional dependency

        if ax is None:
            _, ax = plt.subplots(figsize=(7, 3), layout="constrained")
        seeds, epochs, ranks, workers = self.stream_ids[generator].shape
        cells = self.stream_ids[generator].reshape(seeds * epochs, ranks * workers)
        ax.imshow(cells, cmap="cividis", aspect="auto")
        _, firsts = np.unique(cells, return_index=True)
        repeats = np.setdiff1d(np.arange(cells.size), firsts)
        rows, columns = np.unravel_index(repeats, cells.shape)
        ax.plot(
            columns, rows, ".", color="white", markeredgecolor="black", markersize=5
        )
        ax.set(title=self.name, xlabel="rank and worker", ylabel="seed and epoch")
        ax.set(xticks=[], yticks=[])
        return ax


def check_seeding(
    scheme: Scheme | Callable[[int], None] | None,
    *,
    ranks: int = 8,
    workers: int = 4,
    epochs: int = 3,
    seeds: Iterable[int] = (0, 1, 2),
    time_limit: float = 60.0,
) -> SchemeReport:
    """Count the random streams that a seeding scheme repeats.

    Parameters
    ----------
    scheme : Scheme, callable or None
        A scheme, or a ``worker_init_fn`` (None for no such function). The main process of
        every rank is then seeded with the seed of the run.
    ranks : int
        Number of ranks of a run.
    workers : int
        Number of workers of each rank's loader.
    epochs : int
        Number of epochs of a run.
    seeds : iterable of int
        Seeds of the runs, each at least 0.
    time_limit : float
        Seconds after which the check is ended.

    Returns
    -------
    SchemeReport
        The share of streams that are repeated along each axis.

    Raises
    ------
    TypeError
        If `scheme` is none of these.
    ValueError
        If another argument is out of range. The message names the argument.
    RuntimeError
        If the scheme raised an exception or exceeded the time limit.

    Notes
    -----
    The check runs in a child process. There, the generators are seeded for each worker as
    torch seeds them, and ``worker_init_fn`` is called, without starting the worker. Real
    workers are started only for rank 0 of the first run, to verify the streams. The
    environment variable ``RANK`` holds the rank, as under torchrun.

    Examples
    --------
    Without a ``worker_init_fn``, ranks with equal seeds have equal streams:

    >>> from dejabatch import check_seeding, seed_worker
    >>> print(check_seeding(None))
    no worker_init_fn: 288 streams of each generator; shared with another
                  rank or worker           epoch            seed
    random                 100%              0%              0%
    np.random              100%              0%              0%
    torch                  100%              0%              0%
    >>> check_seeding(seed_worker).ok
    True
    """
    run_seeds: tuple[Any, ...] = tuple(seeds)
    scheme = _as_scheme(scheme)
    counts: dict[str, Any] = {"ranks": ranks, "workers": workers, "epochs": epochs}
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            msg = f"{name} must be an integer of at least 1, not {value!r}"
            raise ValueError(msg)
    if not run_seeds or not all(
        isinstance(seed, int) and seed >= 0 for seed in run_seeds
    ):
        msg = f"seeds must be integers of at least 0, not {run_seeds!r}"
        raise ValueError(msg)
    outcome = run_isolated(
        _SendStreams(scheme, run_seeds, ranks, workers, epochs), time_limit
    )
    if outcome.error is not None or outcome.out_of_time:
        reason = outcome.error or f"it took more than time_limit={time_limit:g} seconds"
        msg = f"scheme: {scheme.name} could not be run.\n{reason}"
        raise RuntimeError(msg)
    *simulated, real = outcome.sent
    shape = (len(run_seeds), ranks, epochs, workers)
    stream_ids = {}
    for position, name in enumerate(GLOBAL_NAMES):
        digests = [worker[position] for rank in simulated for worker in rank]
        _, ids = np.unique(np.array(digests), return_inverse=True)
        stream_ids[name] = ids.reshape(shape).transpose(0, 2, 1, 3).astype(np.int64)
    return SchemeReport(
        name=scheme.name,
        num_streams=int(np.prod(shape)),
        shared={name: _repeated_shares(ids) for name, ids in stream_ids.items()},
        stream_ids=stream_ids,
        verified=real == simulated[0],
    )


def seed_global_generators(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch with one number.

    Parameters
    ----------
    seed : int
        At least 0. NumPy uses its low 32 bits.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def seed_ranks_equally(seed: int, _rank: int) -> None:
    """Seed the main process of every rank with the seed of the run."""
    seed_global_generators(seed)


def _as_scheme(scheme: Any) -> Scheme:
    """Return the scheme that an argument of `check_seeding` stands for."""
    if isinstance(scheme, Scheme):
        return scheme
    if scheme is None:
        return Scheme("no worker_init_fn", seed_ranks_equally)
    if callable(scheme):
        function = getattr(scheme, "func", scheme)  # of a functools.partial
        name = getattr(function, "__name__", type(scheme).__name__)
        return Scheme(name, seed_ranks_equally, scheme)
    msg = f"scheme must be a Scheme, a worker_init_fn or None, not {scheme!r}"
    raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class _SendStreams:
    """Run a scheme in a child process, and send the streams of each run and rank.

    The last message has the streams of real workers, for rank 0 of the first run.
    """

    scheme: Scheme
    seeds: tuple[int, ...]
    ranks: int
    workers: int
    epochs: int

    def __call__(self, send: Send) -> None:
        for seed in self.seeds:
            for rank in range(self.ranks):
                send(
                    simulated_streams(
                        self.scheme, seed, rank, self.workers, self.epochs
                    )
                )
        send(real_streams(self.scheme, self.seeds[0], self.workers, self.epochs))


def simulated_streams(
    scheme: Scheme, seed: int, rank: int, workers: int, epochs: int
) -> list[_Digests]:
    """Return the streams that the workers of one rank begin with, without starting any.

    Parameters
    ----------
    scheme : Scheme
        The scheme. Its functions are called in this process.
    seed, rank, workers, epochs : int
        Seed of the run, rank, number of workers and number of epochs.

    Returns
    -------
    list of tuple of bytes
        Digests of the three global generators: of all workers in epoch 0, then of all
        workers in epoch 1, and so on.
    """
    os.environ["RANK"] = str(rank)
    scheme.seed_main(seed, rank)
    streams: list[_Digests] = []
    for epoch in range(epochs):
        base_seed = int(torch.empty((), dtype=torch.int64).random_())
        for worker in range(workers):
            if epoch and not scheme.fresh_workers:
                streams.append(_continued(streams[worker], epoch))
                continue
            with generators.restored(generators.global_rngs().values()):
                _seed_as_torch_does(base_seed, worker, workers)
                if scheme.worker_init_fn is not None:
                    scheme.worker_init_fn(worker)
                streams.append(_global_digests())
                torch_worker._worker_info = None
    return streams


def real_streams(
    scheme: Scheme, seed: int, workers: int, epochs: int
) -> list[_Digests]:
    """Return the streams of rank 0 from workers that a DataLoader starts.

    Parameters
    ----------
    scheme : Scheme
        The scheme. Its `seed_main` is called in this process.
    seed, workers, epochs : int
        Seed of the run, number of workers and number of epochs.

    Returns
    -------
    list of tuple of bytes
        As `simulated_streams` returns them.
    """
    os.environ["RANK"] = "0"
    scheme.seed_main(seed, 0)
    loader: DataLoader[Any] = DataLoader(
        _DigestsOfItsWorker(workers),
        batch_size=None,
        num_workers=workers,
        collate_fn=tuple,
        worker_init_fn=scheme.worker_init_fn,
        multiprocessing_context="fork" if can_fork() else None,
    )
    if scheme.fresh_workers:
        return [streams for _ in range(epochs) for streams in loader]
    first = list(loader)
    later = [_continued(s, epoch) for epoch in range(1, epochs) for s in first]
    return first + later


def _seed_as_torch_does(base_seed: int, worker: int, workers: int) -> None:
    """Seed the global generators as torch's ``_worker_loop`` does, and set worker_info."""
    seed = base_seed + worker
    random.seed(seed)
    torch.manual_seed(seed)
    np.random.seed(torch_worker._generate_state(base_seed, worker))  # type: ignore[no-untyped-call]
    torch_worker._worker_info = torch_worker.WorkerInfo(
        id=worker, num_workers=workers, seed=seed, dataset=_DigestsOfItsWorker(workers)
    )


def _continued(first: _Digests, epoch: int) -> _Digests:
    """Return unique keys for the streams that a persistent worker continues in an epoch.

    The worker continues from a point that no other worker reaches.
    """
    return tuple(b"%d" % epoch + digest for digest in first)


def _global_digests() -> _Digests:
    return tuple(generators.digest(rng) for rng in generators.global_rngs().values())


class _DigestsOfItsWorker(Dataset[Any]):
    """One sample for each worker: the digests of the worker's global generators."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def __len__(self) -> int:
        return self._workers

    def __getitem__(self, index: int) -> _Digests:
        return _global_digests()


def _repeated_shares(ids: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float]:
    """Return the share of streams that are repeated along each of `AXES`.

    Parameters
    ----------
    ids : numpy.ndarray
        Ids of streams, of shape (seeds, epochs, ranks, workers).

    Returns
    -------
    dict of str to float
        Shares from 0 to 1, by axis.
    """
    seeds, epochs = ids.shape[:2]
    flat = ids.reshape(seeds, epochs, -1)
    counts = dict.fromkeys(AXES, 0)
    for seed in range(seeds):
        for epoch in range(epochs):
            own = flat[seed, epoch]
            values, times = np.unique(own, return_counts=True)
            other_epochs = np.delete(flat[seed], epoch, axis=0)
            other_seeds = np.delete(flat, seed, axis=0)
            counts["rank or worker"] += int(np.isin(own, values[times > 1]).sum())
            counts["epoch"] += int(np.isin(own, other_epochs).sum())
            counts["seed"] += int(np.isin(own, other_seeds).sum())
    return {axis: count / ids.size for axis, count in counts.items()}
