"""How many random streams a way of seeding workers shares: between ranks, epochs and runs.

A scheme is what a program does to seed: what its main process does on each rank, and its
``worker_init_fn``. `check_seeding` does the same for many ranks, workers, epochs and seeds,
and counts the streams that come more than once.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info
from torch.utils.data._utils import worker as torch_worker

from dejabatch.fixes.seeding import seed_worker
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.state import generators as rng

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES: Final = ("rank or worker", "epoch", "seed")
"""Along what two streams can be the same: within an epoch, a run, or between runs."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to seed the workers of a distributed program.

    Attributes
    ----------
    name : str
        What it is called in reports.
    seed_main : callable
        Takes a run's seed and a rank, and seeds the main process of that rank.
    worker_init_fn : callable or None
        What the loaders get as ``worker_init_fn``; None for nothing.
    fresh_workers : bool
        Whether workers start anew for each epoch; False for persistent ones.

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
    """What `check_seeding` counted.

    Attributes
    ----------
    name : str
        The scheme's name.
    streams : int
        How many streams there are of each generator.
    shared : mapping of str to mapping of str to float
        By generator (``"random"``, ``"np.random"``, ``"torch"``) and by axis
        (``"rank or worker"``, ``"epoch"``, ``"seed"``): the share of the streams that are
        also somewhere else along it, from 0 to 1. One that is shared within an epoch is
        not counted again for other epochs and seeds unless it is shared there, too.
    digests : mapping of str to numpy.ndarray
        The number of each stream, int64 of shape (seeds, epochs, ranks, workers); equal
        streams have one number.
    verified : bool
        Whether real worker processes of a DataLoader began with the same streams.

    Examples
    --------
    >>> from dejabatch import check_seeding
    >>> report = check_seeding(None, ranks=2, workers=3, epochs=1, seeds=[0])
    >>> report.digests["torch"].tolist()  # both ranks have the same three
    [[[[0, 1, 2], [0, 1, 2]]]]
    >>> report.ok, report.verified
    (False, True)
    """

    name: str
    streams: int
    shared: Mapping[str, Mapping[str, float]]
    digests: Mapping[str, np.ndarray[Any, np.dtype[np.int64]]]
    verified: bool

    @property
    def ok(self) -> bool:
        """Whether no stream is shared with any other."""
        return not any(any(axes.values()) for axes in self.shared.values())

    def __str__(self) -> str:
        """Return a table: a row for each generator, a column for each axis."""
        head = f"{self.name}: {self.streams} streams of each generator; shared with another"
        rows = [f"{'':12}" + "".join(f"{axis:>16}" for axis in AXES)]
        for name, axes in self.shared.items():
            shares = "".join(f"{axes[axis]:>15.0%} " for axis in AXES)
            rows.append(f"{name:12}{shares.rstrip()}")
        if not self.verified:
            rows.append("not compared with real workers")
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
            f"{escape(self.name)}: share of {self.streams} streams that come again"
        )
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>"

    def plot(self, ax: Axes | None = None, *, generator: str = "np.random") -> Axes:
        """Draw every stream as a cell; equal colours are equal streams. Needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        generator : {"np.random", "random", "torch"}
            Whose streams.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn: a row for each seed and epoch, a column for each rank and
            worker. A stream that came before is marked by a dot.

        Raises
        ------
        KeyError
            If there is no such generator.

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
        seeds, epochs, ranks, workers = self.digests[generator].shape
        cells = self.digests[generator].reshape(seeds * epochs, ranks * workers)
        ax.imshow(cells, cmap="cividis", aspect="auto")
        _, firsts = np.unique(cells, return_index=True)
        again = np.setdiff1d(np.arange(cells.size), firsts)
        rows, columns = np.unravel_index(again, cells.shape)
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
    """Count the random streams that a way of seeding workers shares.

    Parameters
    ----------
    scheme : Scheme, callable or None
        A scheme, or a ``worker_init_fn``, which is then run after
        ``torch.manual_seed(seed)`` on every rank. None stands for no ``worker_init_fn``.
    ranks : int
        How many ranks a run has.
    workers : int
        How many workers each rank's loader has.
    epochs : int
        How many epochs each run has.
    seeds : iterable of int
        The seeds of the runs.
    time_limit : float
        Seconds after which it is given up.

    Returns
    -------
    SchemeReport
        How many streams are shared along each axis.

    Raises
    ------
    TypeError
        If `scheme` is none of these.
    ValueError
        If another argument cannot be used. The message names it.
    RuntimeError
        If the scheme raised or took too long.

    Notes
    -----
    All of it happens in a child process. There, each worker's generators are seeded as
    torch seeds them, and ``worker_init_fn`` is run, without starting the worker: real
    workers of one rank and run are started for comparison. The environment has the rank
    as ``RANK``, as under torchrun.

    Examples
    --------
    Without a ``worker_init_fn``, ranks that have one seed have the same streams:

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
    runs: tuple[Any, ...] = tuple(seeds)
    scheme = _as_scheme(scheme)
    counts: dict[str, Any] = {"ranks": ranks, "workers": workers, "epochs": epochs}
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            msg = f"{name} must be an integer of at least 1, not {value!r}"
            raise ValueError(msg)
    if not runs or not all(isinstance(seed, int) and seed >= 0 for seed in runs):
        msg = f"seeds must be integers of at least 0, not {runs!r}"
        raise ValueError(msg)

    def count(send: Send) -> None:
        for seed in runs:
            for rank in range(ranks):
                send(_streams(scheme, seed, rank, workers, epochs))
        send(_real_streams(scheme, runs[0], workers, epochs))

    outcome = run_isolated(count, time_limit)
    if outcome.error is not None or outcome.out_of_time:
        reason = outcome.error or f"it took more than time_limit={time_limit:g} seconds"
        msg = f"scheme: {scheme.name} could not be run.\n{reason}"
        raise RuntimeError(msg)
    *counted, real = outcome.sent
    shape = (len(runs), ranks, epochs, workers)
    digests = {}
    for position, name in enumerate(rng.GLOBAL_NAMES):
        keys = [streams[position] for run in counted for streams in run]
        _, numbers = np.unique(np.array(keys), return_inverse=True)
        digests[name] = numbers.reshape(shape).transpose(0, 2, 1, 3).astype(np.int64)
    return SchemeReport(
        name=scheme.name,
        streams=int(np.prod(shape)),
        shared={name: _shared(numbers) for name, numbers in digests.items()},
        digests=digests,
        verified=real == counted[0],
    )


def _as_scheme(scheme: Any) -> Scheme:
    if isinstance(scheme, Scheme):
        return scheme
    if scheme is None:
        return Scheme("no worker_init_fn", _seed_alike)
    if callable(scheme):
        function = getattr(scheme, "func", scheme)  # of a functools.partial
        name = getattr(function, "__name__", type(scheme).__name__)
        return Scheme(name, _seed_alike, scheme)
    msg = f"scheme must be a Scheme, a worker_init_fn or None, not {scheme!r}"
    raise TypeError(msg)


def _streams(
    scheme: Scheme, seed: int, rank: int, workers: int, epochs: int
) -> list[tuple[bytes, ...]]:
    """Return the states in which each worker of each epoch begins."""
    os.environ["RANK"] = str(rank)
    scheme.seed_main(seed, rank)
    found: list[tuple[bytes, ...]] = []
    for epoch in range(epochs):
        base_seed = int(torch.empty((), dtype=torch.int64).random_())
        main = [rng.get_state(one) for one in rng.global_rngs().values()]
        for worker in range(workers):
            if epoch and not scheme.fresh_workers:
                # The worker goes on; nobody else has what it drew from there.
                found.append(tuple(b"%d" % (epoch,) + s for s in found[worker]))
                continue
            _seed_as_torch_does(base_seed, worker, workers)
            if scheme.worker_init_fn is not None:
                scheme.worker_init_fn(worker)
            found.append(_digests())
            torch_worker._worker_info = None
            for one, state in zip(rng.global_rngs().values(), main, strict=True):
                rng.set_state(one, state)
    return found


def _seed_as_torch_does(base_seed: int, worker: int, workers: int) -> None:
    seed = base_seed + worker
    random.seed(seed)
    torch.manual_seed(seed)
    np.random.seed(torch_worker._generate_state(base_seed, worker))  # type: ignore[no-untyped-call]
    torch_worker._worker_info = torch_worker.WorkerInfo(
        id=worker, num_workers=workers, seed=seed, dataset=_Digests(workers)
    )


def _digests() -> tuple[bytes, ...]:
    return tuple(rng.digest(one) for one in rng.global_rngs().values())


class _Digests(Dataset[Any]):
    """A dataset of what its worker begins with."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def __len__(self) -> int:
        return self._workers

    def __getitem__(self, index: int) -> tuple[bytes, ...]:
        return _digests()


def _real_streams(
    scheme: Scheme, seed: int, workers: int, epochs: int
) -> list[tuple[bytes, ...]]:
    """Return the same for one rank, from workers that a DataLoader starts."""
    os.environ["RANK"] = "0"
    scheme.seed_main(seed, 0)
    loader: DataLoader[Any] = DataLoader(
        _Digests(workers),
        batch_size=None,
        num_workers=workers,
        collate_fn=tuple,
        worker_init_fn=scheme.worker_init_fn,
        multiprocessing_context="fork",
    )
    real = [
        streams
        for _ in range(epochs if scheme.fresh_workers else 1)
        for streams in loader
    ]
    for epoch in range(1, epochs if not scheme.fresh_workers else 1):
        real += [tuple(b"%d" % (epoch,) + s for s in real[w]) for w in range(workers)]
    return real


def _shared(numbers: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float]:
    """Return the share of streams that are found again along each of `AXES`."""
    seeds, epochs = numbers.shape[:2]
    flat = numbers.reshape(seeds, epochs, -1)
    counts = dict.fromkeys(AXES, 0)
    for seed in range(seeds):
        for epoch in range(epochs):
            here = flat[seed, epoch]
            values, times = np.unique(here, return_counts=True)
            same_epoch = np.isin(here, values[times > 1])
            others = np.delete(flat[seed], epoch, axis=0)
            counts["rank or worker"] += int(same_epoch.sum())
            counts["epoch"] += int(np.isin(here, others).sum())
            counts["seed"] += int(np.isin(here, np.delete(flat, seed, axis=0)).sum())
    return {axis: count / numbers.size for axis, count in counts.items()}


# Schemes in use, from their description ------------------------------------------------


def _seed_alike(seed: int, _rank: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _seed_by_rank(seed: int, rank: int) -> None:
    _seed_alike(seed + rank, 0)


def _worker_seed() -> int:
    info = get_worker_info()
    assert info is not None
    return info.seed


def _docs_recipe(_worker_id: int) -> None:
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def _by_worker_id(worker_id: int) -> None:
    np.random.seed(worker_id)


def _get_state_recipe(worker_id: int) -> None:
    state: Any = np.random.get_state()
    np.random.seed(state[1][0] + worker_id)  # dejabatch: ignore[get-state-recipe]


def _constant(_worker_id: int) -> None:
    _seed_alike(42, 0)


def _all_from(seed: int) -> None:
    _seed_alike(seed % 2**32, 0)


def _trainer(_worker_id: int) -> None:
    """Take 32 bits of the worker's seed, plus num_workers * rank."""
    info = get_worker_info()
    assert info is not None
    _all_from(info.num_workers * int(os.environ["RANK"]) + torch.initial_seed() % 2**32)


def _detectron2(worker_id: int) -> None:
    """Take 31 bits of the worker's seed, and add the worker's number again."""
    _all_from(torch.initial_seed() % 2**31 + worker_id)


def _timm(_worker_id: int) -> None:
    """Seed NumPy alone, from the worker's seed."""
    np.random.seed(_worker_seed() % (2**32 - 1))


def _packed(worker_id: int) -> int:
    base_seed = torch.initial_seed() - worker_id
    rank = int(os.environ["RANK"])
    return base_seed << 32 | worker_id << 16 | rank


def _congruential(number: int) -> int:
    """Take the next number of Knuth's linear congruential generator of 64 bits."""
    return (6364136223846793005 * number + 1) % 2**64


def _mixed(number: int) -> int:
    """Finish as MurmurHash3 does: each bit that goes in changes half of the others."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        number = (number ^ number >> 33) * factor % 2**64
    return number ^ number >> 33


def _lightning(first: int, worker_id: int) -> None:
    """Torch and Python from a chain of numbers, NumPy from a seed sequence."""
    base_seed = torch.initial_seed() - worker_id
    numbers = [_congruential(first)]
    for _ in range(2):
        numbers.append(_congruential(numbers[-1]))
    torch.manual_seed(numbers[0])
    random.seed(numbers[1] << 32 | numbers[2])
    sequence = np.random.SeedSequence([base_seed, worker_id, int(os.environ["RANK"])])
    np.random.seed(sequence.generate_state(4))


def _lightning_2_4(worker_id: int) -> None:
    _lightning(_packed(worker_id), worker_id)


def _lightning_2_6_1(worker_id: int) -> None:
    _lightning(_mixed(_packed(worker_id)), worker_id)


def _ultralytics_main(seed: int, rank: int) -> None:
    """Seed what the loader draws its base seed from: a constant, the rank and the seed."""
    torch.manual_seed(6148914691236517205 + rank + seed)


class _Mmengine:
    """A scheme of num_workers * rank + worker + seed, for all three."""

    def __init__(self) -> None:
        self.seed = 0

    def seed_main(self, seed: int, rank: int) -> None:
        self.seed = seed
        _seed_alike(seed, rank)

    def worker_init(self, worker_id: int) -> None:
        info = get_worker_info()
        assert info is not None
        _all_from(info.num_workers * int(os.environ["RANK"]) + worker_id + self.seed)


def _known() -> list[Scheme]:
    mmengine = _Mmengine()
    return [
        Scheme("one seed on all ranks, torch's default", _seed_alike),
        Scheme("seed + rank", _seed_by_rank),
        Scheme("PyTorch's docs: initial_seed() % 2**32", _seed_alike, _docs_recipe),
        Scheme("timm: seed + rank, NumPy from the worker", _seed_by_rank, _timm),
        Scheme("detectron2: seed + rank, + worker", _seed_by_rank, _detectron2),
        Scheme(
            "ultralytics: a constant + seed + rank", _ultralytics_main, _docs_recipe
        ),
        Scheme("Hugging Face Trainer", _seed_alike, _trainer),
        Scheme("Lightning 2.4 to 2.6.0", _seed_alike, _lightning_2_4),
        Scheme("Lightning 2.6.1", _seed_alike, _lightning_2_6_1),
        Scheme("mmengine", mmengine.seed_main, mmengine.worker_init),
        Scheme("np.random.seed(worker_id)", _seed_alike, _by_worker_id),
        Scheme("get_state()[1][0] + worker_id", _seed_alike, _get_state_recipe),
        Scheme("a constant", _seed_alike, _constant),
        Scheme("seed_worker", _seed_alike, seed_worker),
    ]


SCHEMES: Mapping[str, Scheme] = MappingProxyType({s.name: s for s in _known()})
"""Schemes in use, by name, for `check_seeding`: ``SCHEMES["seed + rank"]``.

``list(SCHEMES)`` shows the names. Each is written from its description.
"""
