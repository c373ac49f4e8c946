"""Read a loader as the program does: through its own ``__iter__``, or its wrapper's."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from dejabatch.loaders import (
    changed_between_epochs,
    renew_iterators,
    unwrap,
    unwrap_and_mark,
)
from dejabatch.observe.batches import rows_differ, rows_of
from dejabatch.observe.experiments.seeding_trace import local_generators, same_states
from dejabatch.observe.facts import is_told_epochs
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.observe.record import (
    COPIES_IN_BATCH,
    BegunTwice,
    CopiesInBatch,
    Observation,
)
from dejabatch.observe.spy import observe
from dejabatch.state import generators

_BATCHES_OF_COPIES = 8


def delivered(
    make_outer: Callable[[], Iterable[Any]],
    *,
    epochs: int,
    max_batches: int,
    time_limit: float,
) -> Observation:
    """Observe the batches that a loader delivers, without looking into its workers.

    Parameters
    ----------
    make_outer : callable
        Returns what the program iterates; called in a process of its own.
    epochs, max_batches : int
        How many epochs to read, and how many batches of each.
    time_limit : float
        Seconds after which reading ends.

    Returns
    -------
    dejabatch.observe.record.Observation
        The observation of any iterable: batches, and the states of global generators.
    """
    make = _Delivered(make_outer)
    return observe(make, epochs=epochs, max_batches=max_batches, time_limit=time_limit)


def delivered_copies(
    make_outer: Callable[[], Iterable[Any]], index: int, *, time_limit: float
) -> CopiesInBatch | None:
    """Let a loader's own ``__iter__`` deliver batches of copies of one index.

    Parameters
    ----------
    make_outer, time_limit
        As for `delivered`.
    index : int
        The index of the sample.

    Returns
    -------
    str or None
        As `dejabatch.observe.record.Answers.batch_of_copies`; None if the loader asks
        for other indices, or gives no batch.
    """
    outcome = run_isolated(_Copies(make_outer, index), time_limit)
    answers = [one for one in outcome.sent if isinstance(one, str)]
    return answers[0] if answers else None  # type: ignore[return-value]


def begun_twice(
    make_outer: Callable[[], Iterable[Any]], *, time_limit: float
) -> BegunTwice:
    """Begin two passes over a loader by its own ``__iter__``.

    Parameters
    ----------
    make_outer, time_limit
        As for `delivered`.

    Returns
    -------
    dejabatch.observe.record.BegunTwice
        The effects of both passes.
    """
    outcome = run_isolated(_Passes(make_outer), time_limit)
    return next((s for s in outcome.sent if isinstance(s, BegunTwice)), BegunTwice())


def compare_rows(batches: list[list[tuple[Any, ...]]]) -> CopiesInBatch:
    """Return whether the rows of batches of copies differ, vary together or are fixed.

    Parameters
    ----------
    batches : list of list of tuple
        The rows of each batch; a batch without rows could not be taken apart.
    """
    if not batches or not all(batches):
        return "rows are unclear"
    if any(rows_differ(row, rows[0]) for rows in batches for row in rows[1:]):
        return "rows differ"
    varies = any(
        rows_differ(row, other)
        for rows in batches[1:]
        for row, other in zip(rows, batches[0], strict=False)
    )
    return "rows vary together" if varies else "rows are fixed"


class _AnyIterable:
    """An iterable that no longer shows what it wraps."""

    def __init__(self, outer: Any) -> None:
        self._outer = outer

    def __iter__(self) -> Any:
        return iter(self._outer)

    def __len__(self) -> int:
        return len(self._outer)


@dataclass(frozen=True, slots=True)
class _Delivered:
    make_outer: Callable[[], Iterable[Any]]

    def __call__(self) -> Iterable[Any]:
        outer = self.make_outer()
        renew_iterators(outer)
        return _AnyIterable(outer)


@dataclass(frozen=True, slots=True)
class Begun:
    """Make a loader, and begin an epoch by its own ``__iter__``, which may prepare data.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in the process that reads it.
    make_outer : callable, optional
        Returns what the program iterates, where this is a wrapper of the loader.
    """

    make_loader: Callable[[], DataLoader[Any]]
    make_outer: Callable[[], Iterable[Any]] | None = None

    def __call__(self) -> DataLoader[Any]:
        """Return the loader, without the iterator of the epoch."""
        outer = (self.make_outer or self.make_loader)()
        renew_iterators(outer)
        next(iter(outer), None)
        renew_iterators(outer)
        loader = unwrap_and_mark(outer)
        assert isinstance(loader, DataLoader)
        return loader


@dataclass(frozen=True, slots=True)
class _Passes:
    """Begin two passes over a loader, and look at its dataset."""

    make_outer: Callable[[], Iterable[Any]]

    def __call__(self, send: Send) -> None:
        outer = self.make_outer()
        loader: Any = unwrap(outer)
        renew_iterators(outer)
        roots = {"dataset": loader.dataset}
        changed = changed_between_epochs(outer, roots, 1, lambda: None)
        if is_told_epochs(outer):
            send(BegunTwice(changed))
            return
        held = generators.Finder({"loader": outer}).all().values()
        one, other = (local_generators(lambda: _begin(outer), held) for _ in range(2))
        methods = (f"{type(outer).__qualname__}.", outer.__iter__.__qualname__)
        made_by = same_states(one, other).made_by
        own = tuple(name for name in made_by if name.startswith(methods))
        send(BegunTwice(changed, own))


def _begin(outer: Iterable[Any]) -> None:
    for _batch in itertools.islice(outer, 2):
        pass


@dataclass(frozen=True, slots=True)
class _Copies:
    """Read batches of copies through a loader's own ``__iter__``."""

    make_outer: Callable[[], Iterable[Any]]
    index: int

    def __call__(self, send: Send) -> None:
        outer = self.make_outer()
        if not isinstance(outer, DataLoader) or outer.batch_sampler is None:
            return
        if isinstance(outer.dataset, IterableDataset):
            return
        loader = copy.copy(outer)
        batch = [self.index] * COPIES_IN_BATCH
        # The loader's __setattr__ forbids to change some of these.
        loader.__dict__.update(
            batch_sampler=[batch] * _BATCHES_OF_COPIES,
            num_workers=0,
            persistent_workers=False,
            prefetch_factor=None,
            worker_init_fn=None,
        )
        renew_iterators(loader)
        batches = []
        for number, one in enumerate(loader, 1):
            batches.append(rows_of(one, COPIES_IN_BATCH))
            if number == _BATCHES_OF_COPIES:
                break
        send(compare_rows(batches))
