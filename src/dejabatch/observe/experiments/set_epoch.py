"""What in a loader is told the number of each epoch, and whether its workers hear it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader

from dejabatch.state.fingerprint import fingerprint
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.state.reach import LEAVES, is_a, walk
from dejabatch.state.shared_memory import SharedMemory

# Where samplers and datasets keep those that they wrap.
_WRAPPED = ("sampler", "batch_sampler", "dataset")
# An epoch that a dataset has hardly been told by anybody else.
_UNLIKELY = 7919


def with_set_epoch(loader: DataLoader[Any]) -> dict[str, Any]:
    """Return what has a ``set_epoch``, by path; each object once."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    queue = [(name, getattr(loader, name)) for name in reversed(_WRAPPED)]
    while queue:
        path, value = queue.pop()
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if callable(getattr(value, "set_epoch", None)):
            found[path] = value
        held = getattr(value, "__dict__", {})
        queue += [(f"{path}.{n}", held[n]) for n in _WRAPPED if n in held]
    return found


def stays_here(target: Any, epoch: int) -> tuple[str, ...]:
    """Call a ``set_epoch``, and return what it changes in this process alone.

    Parameters
    ----------
    target : object
        Has a ``set_epoch``.
    epoch : int
        What to call it with.

    Returns
    -------
    tuple of str
        Paths from `target`, each beginning with a dot. Nothing if some of what changes is
        in shared memory, where all processes see it.
    """
    before = _numbers(target)
    target.set_epoch(epoch)
    changed = {
        path: shared
        for path, (content, shared) in _numbers(target).items()
        if path not in before or before[path][0] != content
    }
    return () if any(changed.values()) else tuple(changed)


def unheard(
    make_loader: Callable[[], DataLoader[Any]], *, time_limit: float
) -> tuple[str, ...] | None:
    """Call the ``set_epoch`` of a dataset, and see whether its workers could notice.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    time_limit : float
        Seconds after which there is no answer.

    Returns
    -------
    tuple of str or None
        Paths of what changes in the main process alone; None if it could not be tried.
    """

    def read(send: Send) -> None:
        loader = make_loader()
        paths: list[str] = []
        for path, target in with_set_epoch(loader).items():
            if path.partition(".")[0] != "dataset":
                continue
            roots = {"dataset": target}
            if any(_is_of_multiprocessing(value) for _, value in walk(roots)):
                return  # shared by means that could not be put back
            shared = SharedMemory(roots)
            try:
                paths += [path + one for one in stays_here(target, _UNLIKELY)]
            finally:
                shared.restore()
        send(tuple(paths))

    outcome = run_isolated(read, time_limit)
    if not outcome.sent or not isinstance(outcome.sent[0], tuple):
        return None
    return outcome.sent[0]


def _is_of_multiprocessing(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in {"multiprocessing", "ctypes"}


def _numbers(root: object) -> Mapping[str, tuple[bytes, bool]]:
    """Return the numbers and arrays that an object holds, and whether each is shared."""
    return {
        path: (fingerprint(value), is_a(value, torch.Tensor) and value.is_shared())  # type: ignore[attr-defined]
        for path, value in walk({"": root}, classes=False)
        if is_a(value, LEAVES)
    }
