"""Set the epoch as a loop or the loader does, and see whether workers can notice."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from dejabatch.loaders import (
    PROBE_EPOCH,
    changed_between_epochs,
    changed_in_this_process,
    renew_iterators,
    unwrap,
    with_set_epoch,
)
from dejabatch.observe.experiments.trials import OTHER_STATES, Samples, Step
from dejabatch.observe.facts import asks_for_lists
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import walk
from dejabatch.state.shared_memory import SharedMemory

_PROBES = 3
_BATCHES = 16


def unseen_by_workers(
    make_loader: Callable[[], DataLoader[Any]],
    make_outer: Callable[[], Iterable[Any]] | None = None,
    *,
    time_limit: float,
) -> tuple[str, ...] | None:
    """Call each ``set_epoch`` that workers have, and return what they cannot see.

    Datasets have one, and so may a ``collate_fn`` or ``worker_init_fn``. If the calls
    change nothing, two epochs are begun or read: the loader, its sampler or a wrapper may set
    attributes. Those count if they change samples.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    make_outer : callable, optional
        Returns what the program iterates, where this may be a wrapper of the loader.
    time_limit : float
        Seconds after which there is no answer.

    Returns
    -------
    tuple of str or None
        Paths of what changes in the main process alone; None if the call could not be
        tried.
    """
    outcome = run_isolated(_SetEpoch(make_loader, make_outer, time_limit), time_limit)
    if not outcome.sent or not isinstance(outcome.sent[0], tuple):
        return None
    return outcome.sent[0]


@dataclass(frozen=True, slots=True)
class _SetEpoch:
    """Make a loader and call the ``set_epoch`` of its dataset; runs in another process."""

    make_loader: Callable[[], DataLoader[Any]]
    make_outer: Callable[[], Iterable[Any]] | None
    time_limit: float

    def __call__(self, send: Send) -> None:
        paths: list[str] = []
        loader = self.make_loader()
        # A sampler may hold the dataset as well.
        targets = with_set_epoch(loader, ["dataset"]) | _functions(loader)
        for path, target in targets.items():
            roots = {"dataset": target}
            if any(_is_of_multiprocessing(value) for _, value in walk(roots)):
                return  # shared by means that could not be restored
            shared = SharedMemory(roots)
            try:
                changed = changed_in_this_process(target, PROBE_EPOCH)
                paths += [path + attribute for attribute in changed]
            finally:
                shared.restore()
        if not paths:
            paths = self._changed_between_epochs()
        send(tuple(paths))

    def _changed_between_epochs(self) -> list[str]:
        outer = (self.make_outer or self.make_loader)()
        loader: Any = unwrap(outer)
        renew_iterators(outer)
        probe = _Probe(loader, self.time_limit)
        # A loader's own __iter__ changes attributes when an epoch begins.
        most = 1 if outer is loader else _BATCHES
        roots = {"dataset": loader.dataset, "collate_fn": loader.collate_fn}
        changed = changed_between_epochs(outer, roots, most, probe.take)
        return [*changed] if probe.differ else []


class _Probe:
    """Samples and a batch that are made now and then, from the same random states."""

    def __init__(self, loader: DataLoader[Any], time_limit: float) -> None:
        self._loader = loader
        self._samples: Samples | None = None
        self._steps: list[Step] = []
        self._deadline = time.monotonic() + time_limit
        self._taken: list[list[bytes]] = []

    def take(self) -> None:
        """Make a few samples in this process, and a batch of them."""
        loader = self._loader
        if isinstance(loader.dataset, IterableDataset):
            return
        if (
            self._samples is None
        ):  # the loader may make its dataset when an epoch begins
            self._samples = Samples(
                loader.dataset,
                loader.collate_fn,
                batched=loader.batch_sampler is not None,
                index_lists=asks_for_lists(loader),
                deadline=self._deadline,
            )
            drawn = itertools.islice(iter(loader.sampler), _PROBES)
            self._steps = [Step(index, OTHER_STATES[0]) for index in drawn]
        taken = [self._samples.digest(step) for step in self._steps]
        if loader.batch_sampler is not None and self._steps:
            # The user's function may raise anything.
            with contextlib.suppress(Exception):
                taken.append(self._batch(self._samples))
        self._taken.append(taken)

    def _batch(self, samples: Samples) -> bytes:
        made = [samples.make(step) for step in self._steps]
        samples.set_states(self._steps[0])
        return fingerprint(samples.collate_fn(made))

    @property
    def differ(self) -> bool:
        """Whether the samples differ, or cannot be compared."""
        return len(self._taken) < 2 or self._taken[0] != self._taken[1]


def _functions(loader: DataLoader[Any]) -> dict[str, Any]:
    """Return the functions that workers get, where they are objects with a set_epoch."""
    found = {}
    for name in ("collate_fn", "worker_init_fn"):
        function = getattr(loader, name)
        owner = getattr(function, "__self__", function)
        if callable(getattr(owner, "set_epoch", None)):
            found[name if owner is function else f"{name}.__self__"] = owner
    return found


def _is_of_multiprocessing(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in {"multiprocessing", "ctypes"}
