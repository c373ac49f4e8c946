"""Meet all ranks in the store of their process group, and exchange bytes there.

No collective takes part, so that a rank that does not come blocks no other rank, and the
program's groups stay as they are.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any, Final

from torch.distributed.distributed_c10d import PrefixStore

PATIENCE: Final = 5.0
"""Seconds for which a rank waits for the others to call `dejabatch.audit`."""

_ALL_HERE: Final = b"all"
# Seconds between two looks into the store. Thousands of ranks may look at once.
_SHORTEST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Absent:
    """The ranks that did not come to a meeting.

    Attributes
    ----------
    ranks : tuple of int
        Their numbers.
    """

    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting of all ranks: a part of the store for one audit.

    Attributes
    ----------
    store : torch.distributed.Store
        The part of the store.
    rank, world_size : int
        The number of this rank, and of all ranks.
    """

    store: Any
    rank: int
    world_size: int

    def publish(self, name: str, content: bytes) -> None:
        """Let all ranks read bytes under a name."""
        self.store.set(name, content)

    def read(self, name: str, deadline: float) -> bytes | None:
        """Return the bytes that a rank published under a name.

        Parameters
        ----------
        name : str
            The name.
        deadline : float
            Value of ``time.monotonic()`` at which to give up.

        Returns
        -------
        bytes or None
            None if nothing was published until then, or if the store is gone.
        """
        if not _wait(self.store, name, deadline):
            return None
        with contextlib.suppress(RuntimeError):
            return bytes(self.store.get(name))
        return None

    def new_connection(self) -> Any:
        """Return a connection of its own to this part of the store, for a child.

        None on releases of torch whose stores cannot be cloned.
        """
        clone = getattr(self.store, "clone", None)
        return None if clone is None else clone()

    def leave(self, names: list[str]) -> None:
        """Delete entries of the store after the last rank has left."""
        with contextlib.suppress(RuntimeError):
            if self.store.add("left", 1) == self.world_size:
                for name in [*names, "left", "count", "state"]:
                    self.store.delete_key(name)


def meet(
    store: Any, rank: int, world_size: int, patience: float = PATIENCE
) -> Meeting | Absent:
    """Wait until all ranks are here.

    Parameters
    ----------
    store : torch.distributed.Store
        A store that all ranks share.
    rank, world_size : int
        The number of this rank, and of all ranks.
    patience : float
        Seconds to wait.

    Returns
    -------
    Meeting or Absent
        All ranks get the same answer, except that a rank that comes too late gets an
        `Absent` of its own.
    """
    deadline = time.monotonic() + patience
    root: Any = PrefixStore("dejabatch", store)
    while True:
        number = root.add("meetings", 0)
        part: Any = PrefixStore(f"{number}", root)
        if not part.check(["state"]) or time.monotonic() > deadline:
            break
        time.sleep(0.01)  # the rank that closed the last meeting opens the next
    part.set(f"here/{rank}", b"1")
    if part.add("count", 1) == world_size:
        _close(root, part, _ALL_HERE)
    elif not _wait(part, "state", deadline):
        _close(root, part, f"closed by {rank}".encode())
    if bytes(part.get("state")) == _ALL_HERE:
        part.delete_key(f"here/{rank}")
        return Meeting(part, rank, world_size)
    here = [part.check([f"here/{other}"]) for other in range(world_size)]
    return Absent(tuple(other for other, came in enumerate(here) if not came))


def _close(root: Any, part: Any, state: bytes) -> None:
    """Close a meeting unless another rank has closed it, and open the next."""
    if bytes(part.compare_set("state", "", state.decode())) == state:
        root.add("meetings", 1)


def _wait(store: Any, name: str, deadline: float) -> bool:
    """Return whether an entry comes into being before a time.

    The store's own wait prints a warning at each timeout, and cannot be interrupted.
    """
    pause = _SHORTEST_PAUSE
    while True:
        # The process that holds the store may have died, and may not.
        with contextlib.suppress(RuntimeError):
            if store.check([name]):
                return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(1.5 * pause, _LONGEST_PAUSE)
