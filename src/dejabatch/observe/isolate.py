"""Run a function where it cannot change this process, and end it when its time is up.

The function runs in a forked child: whatever it does to objects, random states and memory
happens to copies. The child lets go of the connections and the shared memory of its
parent. A guard kills the child and its workers if the parent dies.
"""

from __future__ import annotations

import contextlib
import contextvars
import faulthandler
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import pickle
import select
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import IO, Any, Self

import torch

from dejabatch.observe.errors import ended_by, how_it_died, places_in_dump
from dejabatch.observe.record import Ended
from dejabatch.state.inherited import Inherited, replace_shared_memory
from dejabatch.state.open_files import offsets
from dejabatch.state.written_files import WrittenFiles

Send = Callable[[Any], None]

# Seconds that a child has to end by itself.
_SECONDS_TO_END = 2.0
# Seconds for a new interpreter to import torch and the user's modules.
_SECONDS_TO_IMPORT = 120.0
# Seconds in which the processes of a child write where they are waiting.
_SECONDS_TO_DUMP = 1.0
# The child's group is asked by this signal where it is waiting.
_DUMP_SIGNAL = getattr(signal, "SIGUSR2", None)


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


_start_by: contextvars.ContextVar[str] = contextvars.ContextVar("_start_by")


@contextlib.contextmanager
def children_started_by(method: str) -> Iterator[None]:
    """Choose how `run_isolated` starts a child in a ``with`` block.

    Parameters
    ----------
    method : {"fork", "spawn"}
        ``"spawn"`` starts a new interpreter, which shares nothing with this process. The
        function is pickled, and the main module is imported there.
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
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        msg = (
            "a worker that was started by spawn or forkserver imports the main module, "
            "which reads a loader again: put the call under "
            "`if __name__ == '__main__':`"
        )
        raise RuntimeError(msg)
    fresh = _start_by.get("fork") == "spawn"
    inherited, files = Inherited(), WrittenFiles()
    with file_offsets_kept(), _Child(function, inherited, files, fresh) as child:
        if fresh:
            child.receiver.poll(_SECONDS_TO_IMPORT)
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
    outcome.changed_files = files.undo()
    return outcome


# The child did not end by itself at the time limit.
_KILLED = Ended(reason="out of time")


class _Child:
    """A forked child that runs a function, and a guard that ends it with its parent.

    The fork is not multiprocessing's: that asserts that a process is not daemonic, and
    keeps descriptors open where SIGCHLD is ignored.
    """

    def __init__(
        self,
        function: Callable[[Send], None],
        inherited: Inherited,
        files: WrittenFiles,
        fresh: bool,
    ) -> None:
        context: Any = multiprocessing.get_context("spawn" if fresh else "fork")
        self.receiver, sender = context.Pipe(duplex=False)
        self._dump: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        until_here_ends, self._alive = os.pipe()
        dump = None if fresh else self._dump
        arguments = (function, sender, start_method(), inherited, files, dump)
        process = context.Process(target=_child, args=arguments)
        self._exit_code: int | None = None
        self._ended = False
        if fresh:
            try:
                process.start()
            except BaseException:
                for descriptor in (until_here_ends, self._alive):
                    os.close(descriptor)
                self.receiver.close()
                self._dump.close()
                files.undo()
                raise
            finally:
                sender.close()
            self._pid = process.pid or 0
            # The guard and this object wait for the process, and not multiprocessing.
            multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
        else:
            until_guarded, guarded = os.pipe()
            self._pid = _fork()
            if self._pid == 0:
                self.receiver.close()
                for descriptor in (self._alive, until_here_ends, guarded):
                    os.close(descriptor)
                _run_and_exit(process, until_guarded)
            os.close(until_guarded)
            sender.close()
        self._guard = _fork()
        if self._guard == 0:
            _guard_and_exit(until_here_ends, self._pid, files)
        os.close(until_here_ends)
        if not fresh:
            os.write(guarded, b"\n")
            os.close(guarded)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # The child has its own group, or has not started any worker yet.
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            if not self._ended:
                os.kill(self._pid, signal.SIGKILL)
        self.exit_code(None)
        os.close(self._alive)
        _wait(self._guard, None)
        self.receiver.close()
        self._dump.close()

    def exit_code(self, seconds: float | None) -> int | None:
        """Wait for the child to end; return its exit code, negative for a signal.

        None if the child lives on, or if the program ignores the ends of its children.
        """
        if not self._ended:
            self._ended, self._exit_code = _wait(self._pid, seconds)
        return self._exit_code

    def ask_where_it_waits(self) -> tuple[str, ...]:
        """Return the user's lines in which the child or one of its workers is waiting."""
        if _DUMP_SIGNAL is None:
            return ()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, _DUMP_SIGNAL)
        until = time.monotonic() + _SECONDS_TO_DUMP
        written = -1
        while time.monotonic() < until:
            time.sleep(0.1)
            size = os.fstat(self._dump.fileno()).st_size
            if size and size == written:
                break
            written = size
        self._dump.seek(0)
        return places_in_dump(self._dump.read().decode(errors="replace"), __file__)


def _fork() -> int:
    multiprocessing.util._flush_std_streams()  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        # Python warns of deadlocks where there are threads. `_child` avoids OpenMP's,
        # and the time limit ends all others.
        warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")
        return os.fork()


def _wait(pid: int, seconds: float | None) -> tuple[bool, int | None]:
    """Return whether a child has ended within some seconds, and its exit code."""
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        try:
            ended, status = os.waitpid(pid, 0 if until is None else os.WNOHANG)
        except ChildProcessError:  # SIGCHLD is ignored, or a handler was quicker
            return True, None
        if ended:
            return True, os.waitstatus_to_exitcode(status)
        if until is not None and time.monotonic() > until:
            return False, None
        time.sleep(0.002)


def _run_and_exit(process: Any, until_guarded: int) -> None:
    """Do as multiprocessing does in a forked child, once the child has a guard."""
    exit_code = 1
    try:
        if os.read(until_guarded, 1):
            os.close(until_guarded)
            exit_code = process._bootstrap()
    finally:
        os._exit(exit_code)


def _guard_and_exit(until_parent_ends: int, group: int, files: WrittenFiles) -> None:
    """Wait until the parent closes its pipe or dies; then kill a group of processes."""
    parent = os.getppid()
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # The guard must not keep the program's pipes open.
        os.closerange(0, until_parent_ends)
        os.closerange(until_parent_ends + 1, os.sysconf("SC_OPEN_MAX"))
        os.read(until_parent_ends, 1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        if os.getppid() != parent:
            files.undo()
    finally:
        os._exit(0)


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
        child = _fork()
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
            _wait(child, None)
    if not answered:
        raise NoAnswer(content)
    return content


def start_method() -> str:
    """Return the start method of the program, without fixing it as a question would."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


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
    function: Callable[[Send], None],
    sender: Connection,
    start_method: str,
    inherited: Inherited,
    files: WrittenFiles,
    dump: IO[bytes] | None,
) -> None:
    sender.send(("started", None))
    _files_of_this_child.append(files)
    # The resource tracker starts before setpgid, and so stays outside the group: when the
    # group is killed, its pipe closes, and it unlinks what the group left.
    _forget_helpers_of_the_parent()
    multiprocessing.resource_tracker.ensure_running()
    os.setpgid(0, 0)
    # A forked child would start its own workers by fork, whatever the program does.
    multiprocessing.set_start_method(start_method, force=True)
    inherited.replace()
    _forget_signal_handlers()
    if _DUMP_SIGNAL is not None and dump is not None:
        faulthandler.register(_DUMP_SIGNAL, file=dump)
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
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


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
