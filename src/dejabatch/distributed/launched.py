"""The command line as one of several ranks that torchrun or accelerate started."""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore

from dejabatch.distributed.auditing import group_of_program
from dejabatch.distributed.meeting import Meeting

# Seconds beyond the time limit after which a function that still waits is given up.
_GRACE: Final = 5.0


def is_one_of_several() -> bool:
    """Return whether torchrun, or a launcher like it, started this process as a rank."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return (
        all(name in os.environ for name in names) and int(os.environ["WORLD_SIZE"]) > 1
    )


def make_once(make: Callable[[], Any], time_limit: float) -> Any:
    """Call a function that makes the loader, and make sure that there is a group.

    Parameters
    ----------
    make : callable
        Imports and makes the loader. It may make the process group, and run collectives.
    time_limit : float
        Seconds after which the process ends with exit code 2, because a collective that
        another rank does not join cannot be interrupted.

    Returns
    -------
    object
        The loader. If `make` raised, a function that raises the same: the other ranks
        hear of the error when the audit calls that function.
    """
    with _give_up_after(time_limit + _GRACE):
        try:
            loader = make()
        except Exception as error:  # noqa: BLE001 - raised in the audit
            loader = _Raise(error)
        if not dist.is_initialized():
            seconds = datetime.timedelta(seconds=time_limit + _GRACE)
            dist.init_process_group("gloo", timeout=seconds)
    return loader


def agree_on(status: int, seconds: float = 10.0) -> int:
    """Return the exit code of rank 0 on all ranks, and end the process group."""
    group = group_of_program()
    if group is not None:
        store = PrefixStore("dejabatch exit", group.store)
        meeting = Meeting(store, group.rank, group.world_size)
        if group.rank == 0:
            meeting.publish("code", str(status).encode())
        code = meeting.read("code", time.monotonic() + seconds)
        status = status if code is None else int(code)
        meeting.publish(f"read/{group.rank}", b"1")
        if group.rank == 0:
            # The store may be in this process, and ends with it.
            for rank in range(group.world_size):
                meeting.read(f"read/{rank}", time.monotonic() + seconds)
    if dist.is_initialized():
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()
    return status


class _Raise:
    """A function that raises an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self) -> NoReturn:
        raise self._error


@contextlib.contextmanager
def _give_up_after(seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, _give_up, [seconds])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _give_up(seconds: float) -> None:
    rank = os.environ.get("RANK")
    sys.stderr.write(
        f"dejabatch audit: rank {rank} had no loader after {seconds:g} seconds. A "
        "collective that another rank does not join waits for ever; if the function is "
        "only slow, raise --time-limit. The process was here:\n"
    )
    sys.stderr.flush()
    faulthandler.dump_traceback(all_threads=True)
    os._exit(2)
