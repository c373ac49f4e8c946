"""Set the epoch as a loop or the loader does, and see whether workers can notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader

from dejabatch.loaders import (
    PROBE_EPOCH,
    changed_between_epochs,
    changed_in_this_process,
    with_set_epoch,
)
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.state.reach import walk
from dejabatch.state.shared_memory import SharedMemory


def unseen_by_workers(
    make_loader: Callable[[], DataLoader[Any]], *, time_limit: float
) -> tuple[str, ...] | None:
    """Call each ``set_epoch`` that workers have, and return what they cannot see.

    Datasets have one, and so may a ``collate_fn`` or ``worker_init_fn``. If the calls
    change nothing, two epochs are begun: the loader or its sampler may set attributes.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    time_limit : float
        Seconds after which there is no answer.

    Returns
    -------
    tuple of str or None
        Paths of what changes in the main process alone; None if the call could not be
        tried.
    """
    outcome = run_isolated(_SetEpoch(make_loader), time_limit)
    if not outcome.sent or not isinstance(outcome.sent[0], tuple):
        return None
    return outcome.sent[0]


@dataclass(frozen=True, slots=True)
class _SetEpoch:
    """Make a loader and call the ``set_epoch`` of its dataset; runs in another process."""

    make_loader: Callable[[], DataLoader[Any]]

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
            changed = changed_between_epochs(self.make_loader())
            paths = [f"dataset{attribute}" for attribute in changed]
        send(tuple(paths))


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
