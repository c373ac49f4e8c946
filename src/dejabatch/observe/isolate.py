"""Run a function where it cannot change this process, and end it when its time is up.

The function runs in a forked child: whatever it does to objects, random states and memory
happens to copies, and killing the child's process group ends its workers with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import torch

from dejabatch.state.open_files import offsets

Send = Callable[[Any], None]

# Seconds that a child has to end by itself.
_TO_END = 2.0


@dataclass(slots=True)
class Outcome:
    """What came out of an isolated function.

    Attributes
    ----------
    sent : list
        Everything that the function sent, in order, also if it did not get to its end.
    error : str or None
        The traceback if it raised; a sentence if its process died; None otherwise.
    out_of_time : bool
        Whether it was killed at the time limit.
    """

    sent: list[Any] = field(default_factory=list)
    error: str | None = None
    out_of_time: bool = False


def run_isolated(function: Callable[[Send], None], time_limit: float) -> Outcome:
    """Run a function in a child process and collect what it sends.

    Parameters
    ----------
    function : callable
        Called in the child with a function ``send`` that takes any picklable object.
    time_limit : float
        Seconds after which the child and the processes that it started are killed.

    Returns
    -------
    Outcome
        What was sent, and how it ended. Nothing that the function raises is raised here.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(function, sender))
    deadline = time.monotonic() + time_limit
    with file_offsets_kept():
        with warnings.catch_warnings():
            # Python warns of deadlocks where there are threads. `_child` avoids OpenMP's,
            # and the time limit ends any other.
            warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")
            child.start()
        sender.close()
        try:
            outcome = _collect(receiver, deadline)
            if not outcome.out_of_time:
                # It removes its temporary folders and semaphores when it ends by itself.
                child.join(_TO_END)
            return outcome
        finally:
            receiver.close()
            with contextlib.suppress(ProcessLookupError):
                # Its own group, or nothing yet: then its workers do not exist either.
                os.killpg(child.pid or 0, signal.SIGKILL)
            child.kill()
            child.join()
            child.close()


def _collect(receiver: Connection, deadline: float) -> Outcome:
    outcome = Outcome()
    while True:
        if not receiver.poll(max(0.0, deadline - time.monotonic())):
            outcome.out_of_time = True
            return outcome
        try:
            kind, content = receiver.recv()
        except EOFError:
            outcome.error = "the process that read the loader died without a message"
            return outcome
        if kind == "sent":
            outcome.sent.append(content)
        else:
            outcome.error = content
            return outcome


def _child(function: Callable[[Send], None], sender: Connection) -> None:
    _forget_helpers_of_the_parent()
    # After the resource tracker has started, which then is outside the group: when the
    # group is killed it finds its pipe closed, and unlinks what the group left.
    multiprocessing.resource_tracker.ensure_running()
    os.setpgid(0, 0)
    # More threads than one deadlock if the parent's OpenMP was at work when it forked.
    torch.set_num_threads(1)
    # Said when the loader was made; it would be said again each time it is read.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    try:
        function(lambda content: sender.send(("sent", content)))
    except BaseException:  # noqa: BLE001 - it is raised to nobody here, and told below
        sender.send(("ended", traceback.format_exc()))
    else:
        sender.send(("ended", None))


def _forget_helpers_of_the_parent() -> None:
    """Let this process start a fork server and a resource tracker of its own.

    The copies of the parent's handles cannot be used here: neither process is its child.
    """
    server: Any = multiprocessing.forkserver._forkserver
    server._forkserver_address = server._forkserver_alive_fd = None
    server._forkserver_pid = None
    tracker: Any = multiprocessing.resource_tracker._resource_tracker
    tracker._fd = tracker._pid = None


@contextlib.contextmanager
def file_offsets_kept() -> Iterator[None]:
    """Put the offsets of open files back, which a forked child shares with its parent."""
    before = offsets()
    try:
        yield
    finally:
        for descriptor, offset in before.items():
            with contextlib.suppress(OSError):
                os.lseek(descriptor, offset, os.SEEK_SET)
