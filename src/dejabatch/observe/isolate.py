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
import pickle
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from dejabatch.observe.errors import ended_by, how_it_died
from dejabatch.observe.record import Ended
from dejabatch.state.open_files import offsets

Send = Callable[[Any], None]

# Seconds that a child has to end by itself.
_SECONDS_TO_END = 2.0


@dataclass(slots=True)
class Outcome:
    """The result of an isolated function.

    Attributes
    ----------
    sent : list
        Everything that the function sent, in order, even if it did not reach its end.
    ended : dejabatch.observe.record.Ended or None
        Why the function did not reach its end; None if it did.
    """

    sent: list[Any] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def error(self) -> str | None:
        """The traceback if the function raised; a sentence if its process died."""
        return None if self.ended is None else self.ended.text

    @property
    def out_of_time(self) -> bool:
        """Whether the process was killed at the time limit."""
        return self.ended is not None and self.ended.reason == "out of time"


class NoAnswer(Exception):
    """A function that was run by `in_fork` gave no answer; says why."""


def run_isolated(function: Callable[[Send], None], time_limit: float) -> Outcome:
    """Run a function in a child process and collect what it sends.

    Parameters
    ----------
    function : callable
        Called in the child with a function ``send`` that takes any picklable object. It
        can be pickled if what it holds can: an instance of a small class, not a closure.
    time_limit : float
        Seconds after which the child and the processes that it started are killed.

    Returns
    -------
    Outcome
        The objects that were sent, and how the child ended. An exception of the function
        is part of the outcome, and is not raised here.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(function, sender, _start_method()))
    deadline = time.monotonic() + time_limit
    with file_offsets_kept():
        with warnings.catch_warnings():
            # Python warns of deadlocks where there are threads. `_child` avoids OpenMP's,
            # and the time limit ends all others.
            warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")
            child.start()
        sender.close()
        try:
            outcome = _collect(receiver, deadline)
            if not outcome.out_of_time:
                # The child removes its temporary folders and semaphores when it ends.
                child.join(_SECONDS_TO_END)
            if outcome.ended is not None and outcome.ended.reason == "died":
                died = how_it_died(child.exitcode)
                outcome.ended = replace(outcome.ended, error=died)
            return outcome
        finally:
            receiver.close()
            with contextlib.suppress(ProcessLookupError):
                # The child has its own group, or has not started any worker yet.
                os.killpg(child.pid or 0, signal.SIGKILL)
            child.kill()
            child.join()
            child.close()


def in_fork(function: Callable[[], Any], deadline: float) -> Any:
    """Run a function in a forked child and return what it returns.

    This works in a worker as well: multiprocessing forbids its daemonic processes to have
    children.

    Parameters
    ----------
    function : callable
        Returns a picklable object. Its changes are lost with the child.
    deadline : float
        Value of ``time.monotonic()`` at which the child is killed.

    Returns
    -------
    object
        What `function` returned.

    Raises
    ------
    NoAnswer
        If `function` raised, took too long, or ended its process.
    """
    reading, writing = os.pipe()
    with file_offsets_kept():
        child = os.fork()
        if child == 0:
            _answer_and_exit(function, writing)
        os.close(writing)
        try:
            answered, content = pickle.loads(_read(reading, deadline))
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if not answered:
        raise NoAnswer(content)
    return content


def _start_method() -> str:
    """Return the start method of the program, without fixing it as a question would."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


def _collect(receiver: Connection, deadline: float) -> Outcome:
    outcome = Outcome()
    while True:
        if not receiver.poll(max(0.0, deadline - time.monotonic())):
            outcome.ended = Ended(reason="out of time")
            return outcome
        try:
            kind, content = receiver.recv()
        except EOFError:
            outcome.ended = Ended(reason="died")
            return outcome
        if kind == "sent":
            outcome.sent.append(content)
        else:
            outcome.ended = content
            return outcome


def _child(
    function: Callable[[Send], None], sender: Connection, start_method: str
) -> None:
    # A forked child would start its own workers by fork, whatever the program does.
    multiprocessing.set_start_method(start_method, force=True)
    _forget_helpers_of_the_parent()
    # The resource tracker starts before setpgid, and so stays outside the group: when the
    # group is killed, its pipe closes, and it unlinks what the group left.
    multiprocessing.resource_tracker.ensure_running()
    os.setpgid(0, 0)
    # More than one thread deadlocks if the parent's OpenMP was at work when it forked.
    torch.set_num_threads(1)
    # The warning was shown when the loader was made, and would be shown at each reading.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    try:
        function(lambda content: sender.send(("sent", content)))
    except BaseException as error:  # noqa: BLE001 - the parent gets a description
        sender.send(("ended", ended_by(error)))
    else:
        sender.send(("ended", None))


def _forget_helpers_of_the_parent() -> None:
    """Let this process start a fork server and a resource tracker of its own.

    The copies of the parent's handles cannot be used here: neither helper is a child of
    this process.
    """
    server: Any = multiprocessing.forkserver._forkserver
    server._forkserver_address = server._forkserver_alive_fd = None
    server._forkserver_pid = None
    tracker: Any = multiprocessing.resource_tracker._resource_tracker
    tracker._fd = tracker._pid = None


def _answer_and_exit(function: Callable[[], Any], descriptor: int) -> None:
    try:
        answer = (True, function())
    except BaseException as error:  # noqa: BLE001 - the parent gets the error
        answer = (False, f"making one sample again raised {error!r}")
    try:
        with os.fdopen(descriptor, "wb") as pipe:
            pickle.dump(answer, pipe)
    finally:
        os._exit(0)


def _read(descriptor: int, deadline: float) -> bytes:
    received = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            msg = "making one sample again took too long"
            raise NoAnswer(msg)
        chunk = os.read(descriptor, 2**16)
        if not chunk:
            break
        received += chunk
    if not received:
        msg = "the process that made one sample again died"
        raise NoAnswer(msg)
    return received


@contextlib.contextmanager
def file_offsets_kept() -> Iterator[None]:
    """Restore the offsets of open files, which a forked child shares with its parent."""
    before = offsets()
    try:
        yield
    finally:
        for descriptor, offset in before.items():
            with contextlib.suppress(OSError):
                os.lseek(descriptor, offset, os.SEEK_SET)
