"""Trace a loader that is not PyTorch's, to see what it seeds in each epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dejabatch.observe.experiments.seeding_trace import seeding_functions
from dejabatch.observe.facts import is_told_epochs
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.observe.record import Answers


def ask_own_loader(
    make_loader: Callable[[], Iterable[Any]], *, max_batches: int, time_limit: float
) -> Answers:
    """Find the functions that seed a generator while a loader shuffles.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    max_batches : int
        How many batches to read.
    time_limit : float
        Seconds after which the loader is not asked any more.

    Returns
    -------
    dejabatch.observe.record.Answers
        With the functions as `seeding_places`; none if the loader knows of epochs.
    """
    outcome = run_isolated(_Tracing(make_loader, max_batches), time_limit)
    return next((one for one in outcome.sent if isinstance(one, Answers)), Answers())


@dataclass(frozen=True, slots=True)
class _Tracing:
    """Make a loader and read it under trace; runs in another process."""

    make_loader: Callable[[], Iterable[Any]]
    max_batches: int

    def __call__(self, send: Send) -> None:
        loader = self.make_loader()
        if is_told_epochs(loader):
            return
        _, names = seeding_functions(lambda: self._read(loader), to_shuffle=True)
        send(Answers(seeding_places=names))

    def _read(self, loader: Iterable[Any]) -> None:
        for _batch in itertools.islice(loader, self.max_batches):
            pass
