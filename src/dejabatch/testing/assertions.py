"""Assert one property of a loader; each message says how much is wrong, and where first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dejabatch.auditing import audit, is_factory
from dejabatch.catalogue import FAILURE_MODES
from dejabatch.checks import CHECKS, PAIR_CHECKS
from dejabatch.comparing import compare
from dejabatch.expect import Expect
from dejabatch.findings import Severity
from dejabatch.loaders import unwrap
from dejabatch.observe.record import Observation
from dejabatch.observe.spy import observe
from dejabatch.state import generators

Loader = Any
"""A DataLoader, another iterable of batches, or a function that returns one."""

# More batches than any loader has: an assertion about an epoch needs all of it.
_ALL = 2**31


def assert_healthy(
    loader: Loader,
    *,
    expect: Expect | None = None,
    level: Severity = "warning",
    time_limit: float = 60.0,
) -> None:
    """Assert that `dejabatch.audit` finds nothing.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        The loader, or a function without arguments that returns it, which shows more.
    expect : Expect, optional
        Your expectations of the loader.
    level : {"note", "warning", "error"}
        The lowest severity that fails.
    time_limit : float
        Seconds that the audit may take.

    Raises
    ------
    FindingsError
        An `AssertionError` whose text is the report.
    TypeError, ValueError, RuntimeError
        As `dejabatch.audit` raises them.

    Examples
    --------
    >>> from dejabatch.testing import assert_healthy
    >>> from torch.utils.data import DataLoader
    >>> assert_healthy(lambda: DataLoader(range(40), batch_size=4, shuffle=True))
    >>> assert_healthy(lambda: DataLoader(range(3), batch_size=4, drop_last=True))
    Traceback (most recent call last):
        ...
    dejabatch.findings.FindingsError: dejabatch: 1 error
    ...
    """
    audit(loader, expect=expect, time_limit=time_limit).raise_for_findings(level)


def assert_independent_workers(loader: Loader, *, time_limit: float = 60.0) -> None:
    """Assert that no two workers draw the same random numbers or read the same samples.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        As for `assert_healthy`.
    time_limit : float
        As for `assert_healthy`.

    Raises
    ------
    FindingsError
        An `AssertionError` with the generator, or the stream, that workers share.
    TypeError, ValueError, RuntimeError
        As `dejabatch.audit` raises them.

    Examples
    --------
    >>> import torch
    >>> from dejabatch.testing import assert_independent_workers
    >>> from torch.utils.data import DataLoader, Dataset
    >>> assert_independent_workers(lambda: DataLoader(range(40), num_workers=2))
    >>> class Noisy(Dataset):
    ...     def __init__(self):
    ...         self.rng = torch.Generator()
    ...
    ...     def __len__(self):
    ...         return 40
    ...
    ...     def __getitem__(self, index):
    ...         return index + torch.rand((), generator=self.rng)
    >>> assert_independent_workers(lambda: DataLoader(Noisy(), num_workers=2))
    Traceback (most recent call last):
        ...
    dejabatch.findings.FindingsError: dejabatch: 1 error
    ...
    """
    checks = _checks_that_show("workers")
    audit(loader, checks=checks, time_limit=time_limit).raise_for_findings()


def assert_epochs_differ(
    loader: Loader,
    *,
    order: bool = True,
    augmentation: bool = False,
    time_limit: float = 60.0,
) -> None:
    """Assert that the second epoch does not repeat the first.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        As for `assert_healthy`.
    time_limit : float
        As for `assert_healthy`.
    order : bool
        Whether the order must differ.
    augmentation : bool
        Whether the samples must differ, by their random numbers.

    Raises
    ------
    AssertionError
        If the epochs have the same order, or the same augmentation. The message has the
        number of samples that were compared.
    RuntimeError
        If the epochs could not be read to their end, or have too few samples to compare
        their augmentation. The message says why.
    ValueError
        If `order` and `augmentation` are both False.

    Examples
    --------
    >>> from dejabatch.testing import assert_epochs_differ
    >>> from torch.utils.data import DataLoader
    >>> assert_epochs_differ(lambda: DataLoader(range(40), shuffle=True))
    >>> assert_epochs_differ(lambda: DataLoader(range(40)))
    Traceback (most recent call last):
        ...
    AssertionError: both epochs have the same 40 samples in the same order; ...
    """
    if not order and not augmentation:
        msg = "order and augmentation are both False, so that nothing would be asserted"
        raise ValueError(msg)
    seen = _observed(_Make(loader), "loader", time_limit, epochs=2)
    orders = [_order(seen, epoch) for epoch in (0, 1)]
    if order and orders[0] == orders[1]:
        msg = (
            f"both epochs have the same {len(orders[0])} samples in the same order; pass "
            "shuffle=True, or call set_epoch before each epoch"
        )
        raise AssertionError(msg)
    repeats = seen.repeats() if augmentation else False
    if repeats is None:
        msg = (
            "loader: two epochs have fewer than ten different samples in common, which "
            "tells nothing about their augmentation; give the assertion more samples"
        )
        raise RuntimeError(msg)
    if repeats:
        msg = (
            f"all {len(orders[0])} samples of the second epoch are those of the first; "
            "dejabatch.audit names the generator that repeats, or the cache"
        )
        raise AssertionError(msg)


def assert_no_duplicates(loader: Loader, *, time_limit: float = 60.0) -> None:
    """Assert that one epoch has no sample twice.

    Indices are compared for a map-style dataset, and contents for an iterable one.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        As for `assert_healthy`.
    time_limit : float
        As for `assert_healthy`.

    Raises
    ------
    AssertionError
        If a sample comes several times. The message has how many, and the first.
    RuntimeError
        If the epoch could not be read to its end. The message says why.

    Examples
    --------
    >>> from dejabatch.testing import assert_no_duplicates
    >>> from torch.utils.data import DataLoader
    >>> assert_no_duplicates(lambda: DataLoader(range(40), shuffle=True))
    >>> assert_no_duplicates(lambda: DataLoader(range(40), sampler=[3, 3, 5]))
    Traceback (most recent call last):
        ...
    AssertionError: 1 of 2 different samples come more than once in an epoch of 3; ...
    """
    samples = _epoch(_Make(loader), "loader", time_limit)
    counts = Counter(samples)
    repeated = {sample: count for sample, count in counts.items() if count > 1}
    if repeated:
        first = next(sample for sample in samples if sample in repeated)
        msg = (
            f"{len(repeated)} of {len(counts)} different samples come more than once in "
            f"an epoch of {len(samples)}; {_named(first)} comes {repeated[first]} times"
        )
        raise AssertionError(msg)


def assert_covers(
    loader: Loader,
    indices: Collection[int] | None = None,
    *,
    time_limit: float = 60.0,
) -> None:
    """Assert that one epoch draws every index of the dataset.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        As for `assert_healthy`; the dataset is map-style.
    time_limit : float
        As for `assert_healthy`.
    indices : collection of int, optional
        The indices that an epoch must have; by default ``range(len(dataset))``.

    Raises
    ------
    AssertionError
        If an index is never drawn. The message has how many, and the first.
    RuntimeError
        If the epoch could not be read to its end. The message says why.
    TypeError
        If the dataset is iterable, and so has no indices.

    Examples
    --------
    >>> from dejabatch.testing import assert_covers
    >>> from torch.utils.data import DataLoader
    >>> assert_covers(lambda: DataLoader(range(40), batch_size=4, shuffle=True))
    >>> assert_covers(lambda: DataLoader(range(42), batch_size=4, drop_last=True))
    Traceback (most recent call last):
        ...
    AssertionError: 2 of 42 indices are never drawn in an epoch; ...
    """
    seen = _observed(_Make(loader), "loader", time_limit)
    facts = seen.facts
    assert facts is not None
    if not facts.map_style or (indices is None and facts.length is None):
        msg = (
            "loader: its dataset has no indices; compare its samples with your own list"
        )
        raise TypeError(msg)
    wanted = range(facts.length or 0) if indices is None else indices
    drawn = {int(index) for order in seen.orders() for index in order}
    missing = sorted(set(wanted) - drawn)
    if missing:
        msg = (
            f"{len(missing)} of {len(wanted)} indices are never drawn in an epoch; the "
            f"first is index {missing[0]}. Look at drop_last and at the sampler"
        )
        raise AssertionError(msg)


def assert_disjoint(a: Loader, b: Loader, *, time_limit: float = 60.0) -> None:
    """Assert that two loaders, such as training and validation, have no sample in common.

    Parameters
    ----------
    a, b : torch.utils.data.DataLoader
        The loaders.
    time_limit : float
        Seconds that both may take.

    Raises
    ------
    FindingsError
        An `AssertionError` with how many samples are in both.
    TypeError, ValueError, RuntimeError
        As `dejabatch.compare` raises them.

    Examples
    --------
    >>> from dejabatch.testing import assert_disjoint
    >>> from torch.utils.data import DataLoader, Subset
    >>> training = DataLoader(Subset(range(50), range(40)), shuffle=True)
    >>> assert_disjoint(training, DataLoader(Subset(range(50), range(40, 50))))
    >>> assert_disjoint(training, DataLoader(Subset(range(50), range(30, 50))))
    Traceback (most recent call last):
        ...
    dejabatch.findings.FindingsError: dejabatch: 1 warning
    <BLANKLINE>
    warning: Validation samples are in the training set
    ...
    """
    report = compare(a, b, time_limit=time_limit)
    shared = [
        f for f in report.findings if f.slug in PAIR_CHECKS and "samples" in f.slug
    ]
    if shared:
        report.raise_for_findings()


def assert_same_for_num_workers(
    make: Callable[[int], Loader],
    num_workers: Sequence[int] = (0, 1, 3),
    *,
    time_limit: float = 60.0,
) -> None:
    """Assert that a loader has the same epoch with any number of workers.

    Every loader is made in the same random states. The samples are equal only if their
    random numbers depend on the index, as with `dejabatch.PerSample`.

    Parameters
    ----------
    make : callable
        Takes a number of workers, and returns a loader with that many.
    num_workers : sequence of int
        The numbers to compare with the first of them.
    time_limit : float
        Seconds that each loader may take.

    Raises
    ------
    AssertionError
        If an epoch differs from the first loader's. The message has the first sample
        that differs.
    RuntimeError
        If an epoch could not be read to its end. The message says why.

    Examples
    --------
    >>> import torch
    >>> from dejabatch.testing import assert_same_for_num_workers
    >>> from torch.utils.data import DataLoader
    >>> def make(num_workers):
    ...     return DataLoader(range(40), batch_size=4, num_workers=num_workers)
    >>> assert_same_for_num_workers(make, num_workers=[0, 2])
    >>> class Noisy(list):
    ...     def __getitem__(self, index):
    ...         return index + torch.rand(())
    >>> def make_noisy(num_workers):
    ...     return DataLoader(Noisy(range(40)), num_workers=num_workers)
    >>> assert_same_for_num_workers(make_noisy, num_workers=[0, 2])
    Traceback (most recent call last):
        ...
    AssertionError: the samples differ between num_workers=0 and num_workers=2: ...
    """
    epochs = {
        number: _observed(_Seeded(make, number), f"make({number})", time_limit)
        for number in num_workers
    }
    first, *others = epochs
    expected = _contents(epochs[first])
    for number in others:
        found = _contents(epochs[number])
        if found == expected:
            continue
        pairs = list(zip(expected, found, strict=False))
        differing = sum(one != other for one, other in pairs)
        place = next(
            (i for i, (one, other) in enumerate(pairs) if one != other), len(pairs)
        )
        same_samples = Counter(expected) == Counter(found)
        what = "the order differs" if same_samples else "the samples differ"
        msg = (
            f"{what} between num_workers={first} and num_workers={number}: "
            f"{len(expected)} and {len(found)} samples, of which {differing} differ; the "
            f"first is sample {place} of the epoch. Derive random numbers from seed, epoch "
            "and index (dejabatch.PerSample), and split streams by worker (dejabatch.shard)"
        )
        raise AssertionError(msg)


def assert_ranks_disjoint(
    make: Callable[[int, int], Loader],
    world_size: int = 2,
    *,
    time_limit: float = 60.0,
) -> None:
    """Assert that no two ranks read the same sample in an epoch.

    Each rank's loader is made in a process of its own, without a process group. Padding,
    as by ``DistributedSampler`` with ``drop_last=False``, is allowed: at most
    ``world_size - 1`` samples may come twice.

    Parameters
    ----------
    make : callable
        Takes a rank and the number of ranks, and returns the rank's loader.
    world_size : int
        The number of ranks.
    time_limit : float
        Seconds that each rank may take.

    Raises
    ------
    AssertionError
        If ranks share more samples. The message has the two ranks, and how many.
    RuntimeError
        If an epoch could not be read to its end. The message says why.

    Examples
    --------
    >>> from dejabatch.testing import assert_ranks_disjoint
    >>> from torch.utils.data import DataLoader, DistributedSampler
    >>> def make(rank, world_size):
    ...     sampler = DistributedSampler(range(40), world_size, rank)
    ...     return DataLoader(range(40), batch_size=4, sampler=sampler)
    >>> assert_ranks_disjoint(make, world_size=2)
    >>> assert_ranks_disjoint(lambda rank, world_size: DataLoader(range(40)))
    Traceback (most recent call last):
        ...
    AssertionError: ranks 0 and 1 share 40 of 40 samples of an epoch; ...
    """
    epochs = [
        _epoch(
            _OfRank(make, rank, world_size), f"make({rank}, {world_size})", time_limit
        )
        for rank in range(world_size)
    ]
    ranks: dict[Hashable, int] = {}
    shared: Counter[tuple[int, int]] = Counter()
    for rank, samples in enumerate(epochs):
        for sample in dict.fromkeys(samples):
            if sample in ranks:
                shared[ranks[sample], rank] += 1
            else:
                ranks[sample] = rank
    if shared.total() >= world_size:
        (one, other), count = shared.most_common(1)[0]
        msg = (
            f"ranks {one} and {other} share {count} of {len(set(epochs[other]))} samples "
            f"of an epoch; in all, {shared.total()} samples are read by two ranks. Pass "
            "sampler=DistributedSampler(dataset), or split the stream by rank"
        )
        raise AssertionError(msg)


@dataclass(frozen=True, slots=True)
class _Make:
    """Return the loader, or what the user's function makes."""

    loader: Loader

    def __call__(self) -> Any:
        return unwrap(self.loader() if is_factory(self.loader) else self.loader)


@dataclass(frozen=True, slots=True)
class _Seeded:
    """Make a loader with a number of workers, always in the same random states."""

    make: Callable[[int], Any]
    num_workers: int

    def __call__(self) -> Any:
        for number, generator in enumerate(generators.global_rngs().values()):
            generators.reseed(generator, np.random.SeedSequence(number))
        return unwrap(self.make(self.num_workers))


@dataclass(frozen=True, slots=True)
class _OfRank:
    """Make the loader of a rank."""

    make: Callable[[int, int], Any]
    rank: int
    world_size: int

    def __call__(self) -> Any:
        return unwrap(self.make(self.rank, self.world_size))


def _checks_that_show(*signs: str) -> list[str]:
    return [slug for slug in CHECKS if set(FAILURE_MODES[slug].seen) & set(signs)]


def _observed(
    make: Callable[[], Any], name: str, time_limit: float, *, epochs: int = 1
) -> Observation:
    """Return whole epochs."""
    seen = observe(make, epochs=epochs, max_batches=_ALL, time_limit=time_limit)
    if seen.out_of_time:
        msg = f"{name}: reading took more than {time_limit:g} seconds; raise time_limit"
        raise RuntimeError(msg)
    if seen.error is not None:
        msg = f"{name}: the loader could not be read.\n{seen.error}"
        raise RuntimeError(msg)
    return seen


def _epoch(make: Callable[[], Any], name: str, time_limit: float) -> list[Hashable]:
    """Return the indices of one epoch, or the samples of a stream."""
    return _order(_observed(make, name, time_limit), 0)


def _order(seen: Observation, epoch: int) -> list[Hashable]:
    """Return the indices of an epoch, or the samples of a stream."""
    fetches = [fetch for fetch in seen.fetches if fetch.epoch == epoch]
    if any(fetch.indices is None for fetch in fetches):
        return [digest.tobytes() for fetch in fetches for digest in fetch.digests]
    return [int(index) for fetch in fetches for index in fetch.indices]  # type: ignore[union-attr]


def _contents(seen: Observation) -> list[bytes]:
    return [digest.tobytes() for fetch in seen.fetches for digest in fetch.digests]


def _named(sample: Hashable) -> str:
    return "one sample" if isinstance(sample, bytes) else f"index {sample}"
