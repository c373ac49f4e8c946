"""Run a function where it cannot change this process, and end it when its time is up.

The function runs in a child process: whatever it does to objects, random states and memory
happens to copies. A forked child lets go of the connections and the shared memory of its
parent.
"""

from __future__ import annotations

import contextlib
import contextvars
import faulthandler
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import pickle
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import IO, Any

import torch

from dejabatch.observe.children import (
    DUMP_SIGNAL,
    ForkedChild,
    Method,
    SpawnedChild,
    default_method,
    fork,
    wait,
)
from dejabatch.observe.errors import ended_by, how_it_died
from dejabatch.observe.record import Ended
from dejabatch.state.inherited import Inherited, replace_shared_memory
from dejabatch.state.open_files import offsets
from dejabatch.state.written_files import WrittenFiles

Send = Callable[[Any], None]

# Seconds that a child has to end by itself.
_SECONDS_TO_END = 2.0
# Seconds for a new interpreter to import torch and the user's modules.
_SECONDS_TO_IMPORT = 120.0


@dataclass(slots=True)
class Outcome:
    """The result of an isolated function.

    Attributes
    ----------
    sent : list
        Everything that the function sent, in order, even if it did not reach its end.
    ended : dejabatch.observe.record.Ended or None
        Why the function did not reach its end; None if it did.
    changed_files : tuple of str
        Paths of the files that the function changed and that could not be restored.
    """

    sent: list[Any] = field(default_factory=list)
    ended: Ended | None = None
    changed_files: tuple[str, ...] = ()

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


class OutOfTime(Exception):
    """A function in a child noticed between two samples that its time is up."""


def grace(time_limit: float) -> float:
    """Return how many seconds a sample may take beyond the time limit."""
    return _SECONDS_TO_END + time_limit / 10


_start_by: contextvars.ContextVar[Method] = contextvars.ContextVar("_start_by")


@contextlib.contextmanager
def children_started_by(method: Method) -> Iterator[None]:
    """Choose how `run_isolated` starts a child in a ``with`` block.

    Parameters
    ----------
    method : {"fork", "spawn"}
        ``"spawn"`` starts a new interpreter, which shares nothing with this process. The
        function is pickled, and the main module is imported there. It is the default
        where a system cannot fork.
    """
    token = _start_by.set(method)
    try:
        yield
    finally:
        _start_by.reset(token)


def run_isolated(function: Callable[[Send], None], time_limit: float) -> Outcome:
    """Run a function in a child process and collect what it sends.

    Parameters
    ----------
    function : callable
        Called in the child with a function ``send`` that takes any picklable object. It
        can be pickled if what it holds can: an instance of a small class, not a closure.
        The function raises `OutOfTime` if it can stop at the time limit by itself.
    time_limit : float
        Seconds after which the function should have ended, without the start of the
        child. After `grace`, the child and the processes that it started are killed.

    Returns
    -------
    Outcome
        The objects that were sent, and how the child ended. An exception of the function
        is part of the outcome, and is not raised here.

    Raises
    ------
    RuntimeError
        In a spawned worker that is importing the main module of the program.
    dejabatch.state.pickles.Unpicklable
        If the child is spawned, and the function cannot be pickled.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        msg = (
            "a worker that was started by spawn or forkserver imports the main module, "
            "which reads a loader again: put the call under "
            "`if __name__ == '__main__':`"
        )
        raise RuntimeError(msg)
    spawned = _start_by.get(default_method()) == "spawn"
    files = WrittenFiles()
    try:
        with _started(function, files, spawned=spawned) as child:
            outcome = _collect(child.receiver, time_limit + grace(time_limit))
            if outcome.out_of_time and outcome.ended is _KILLED:
                outcome.ended = Ended(
                    reason="out of time", waiting_at=child.ask_where_it_waits()
                )
            elif outcome.ended is not None and outcome.ended.reason == "died":
                died = how_it_died(child.exit_code(_SECONDS_TO_END))
                outcome.ended = Ended(reason="died", error=died)
            else:
                # The child removes its temporary folders and semaphores when it ends.
                child.exit_code(_SECONDS_TO_END)
    finally:
        changed_files = files.undo()
    outcome.changed_files = changed_files
    return outcome


@contextlib.contextmanager
def _started(
    function: Callable[[Send], None], files: WrittenFiles, *, spawned: bool
) -> Iterator[ForkedChild | SpawnedChild]:
    """Start a child, and end it in any case."""
    identity = _Identity.of_this_process()
    if spawned:
        with SpawnedChild(
            _child, (function, start_method(), identity, None, files), files
        ) as child:
            # The time limit is that of the function, without the import of torch.
            child.receiver.poll(_SECONDS_TO_IMPORT)
            yield child
        return
    arguments = (function, start_method(), identity, Inherited(), files)
    with file_offsets_kept(), ForkedChild(_child, arguments, files) as forked:
        yield forked


# The child did not end by itself at the time limit.
_KILLED = Ended(reason="out of time")


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
        child = fork()
        if child == 0:
            os.close(reading)
            _answer_and_exit(function, writing)
        os.close(writing)
        try:
            answered, content = pickle.loads(_read(reading, deadline))
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            wait(child, None)
    if not answered:
        raise NoAnswer(content)
    return content


def start_method() -> str:
    """Return the start method of the program, without fixing it as a question would."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


@dataclass(frozen=True, slots=True)
class _Identity:
    """The identity of a process, as multiprocessing shows it.

    A child takes it over, because the user's code may ask for ``MainProcess``.
    """

    name: str
    numbers: tuple[int, ...]

    @classmethod
    def of_this_process(cls) -> _Identity:
        process: Any = multiprocessing.current_process()
        return cls(process.name, process._identity)

    def take(self) -> None:
        """Give this process the identity; workers count from it."""
        process: Any = multiprocessing.current_process()
        process.name, process._identity = self.name, self.numbers


def _collect(receiver: Connection, seconds: float) -> Outcome:
    outcome = Outcome()
    until = time.monotonic() + seconds
    while True:
        if not receiver.poll(max(0.0, until - time.monotonic())):
            outcome.ended = _KILLED
            return outcome
        try:
            kind, content = receiver.recv()
        except EOFError:
            outcome.ended = Ended(reason="died")
            return outcome
        if kind == "started":
            continue
        if kind == "sent":
            outcome.sent.append(content)
        else:
            outcome.ended = content
            return outcome


def _child(
    sender: Connection,
    dump: IO[bytes] | None,
    function: Callable[[Send], None],
    start_method: str,
    identity: _Identity,
    inherited: Inherited | None,
    files: WrittenFiles,
) -> None:
    sender.send(("started", None))
    identity.take()
    _files_of_this_child.append(files)
    if inherited is not None:
        # The resource tracker starts before setpgid, and so stays outside the group: when
        # the group is killed, its pipe closes, and it unlinks what the group left. A
        # spawned child keeps the parent's tracker, which knows what the imports made.
        _forget_helpers_of_the_parent()
        multiprocessing.resource_tracker.ensure_running()
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    _drop_prints()
    # A forked child would start its own workers by fork, whatever the program does.
    multiprocessing.set_start_method(start_method, force=True)
    if inherited is not None:
        inherited.replace()
        _forget_signal_handlers()
    if DUMP_SIGNAL is not None and dump is not None:
        faulthandler.register(DUMP_SIGNAL, file=dump)
    # More than one thread deadlocks if the parent's OpenMP was at work when it forked.
    torch.set_num_threads(1)
    # The warning was shown when the loader was made, and would be shown at each reading.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    try:
        function(lambda content: sender.send(("sent", content)))
    except OutOfTime:
        sender.send(("ended", Ended(reason="out of time")))
    except BaseException as error:  # noqa: BLE001 - the parent gets a description
        sender.send(("ended", ended_by(error)))
    else:
        sender.send(("ended", None))


def _drop_prints() -> None:
    """Drop what samples print here and in workers; they are made many times."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open until the end
    with contextlib.suppress(OSError):  # a program may have no standard output
        os.dup2(sys.stdout.fileno(), 1)


_files_of_this_child: list[WrittenFiles] = []


def files_of_this_child() -> WrittenFiles | None:
    """Return the journal of this isolated process; None in any other process."""
    return _files_of_this_child[-1] if _files_of_this_child else None


def undo_writes_from_here() -> None:
    """Let the parent undo what this child and its workers write to files from now on."""
    if (files := files_of_this_child()) is not None:
        files.watch()


def _forget_signal_handlers() -> None:
    """Drop the program's handlers: a copy of the program must not save a checkpoint."""
    signal.set_wakeup_fd(-1)
    # torch notices by SIGCHLD that a worker died.
    for number in signal.valid_signals() - {signal.SIGINT, signal.SIGCHLD}:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


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
        replace_shared_memory()
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
