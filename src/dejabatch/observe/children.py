"""Start and end child processes, forked with a guard or spawned.

A forked child shares the objects of this process. A spawned child is a new interpreter, to
which everything is pickled; it works on every system. Both are killed with the processes
that they started, at their time limit and when this process dies.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import multiprocessing
import multiprocessing.util
import os
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, Literal, Self

from dejabatch.observe.errors import places_in_dump
from dejabatch.state.main_module import require_guard
from dejabatch.state.pickles import Packed
from dejabatch.state.written_files import WrittenFiles

# Seconds in which the processes of a child write where they are waiting.
_SECONDS_TO_DUMP = 2.0

DUMP_SIGNAL: Final = getattr(signal, "SIGUSR2", None)
"""The signal that asks a forked child's group where it is waiting."""

Main = Callable[..., None]
Method = Literal["fork", "spawn"]


def can_fork() -> bool:
    """Return whether this system can fork; Windows cannot."""
    return hasattr(os, "fork")


def default_method() -> Method:
    """Return how children start where nothing else is asked for."""
    return "fork" if can_fork() else "spawn"


def require_spawn(**objects: object) -> None:
    """Make sure that spawned children can be started, and get some objects.

    Parameters
    ----------
    **objects : object
        The objects, by the names that begin the paths in error messages.

    Raises
    ------
    ValueError
        If a child would run the program again, or an object cannot be pickled.
    """
    require_guard("it is read in new processes that")
    for name, value in objects.items():
        Packed.of(value, name)


class ForkedChild:
    """A forked child that runs a function, and a guard that ends it with its parent.

    The fork is not multiprocessing's: that asserts that a process is not daemonic, and
    keeps descriptors open where SIGCHLD is ignored.

    Parameters
    ----------
    main : callable
        Called in the child with the sending end of a pipe, a file for the places where
        the child waits, and `arguments`.
    arguments : tuple
        More arguments for `main`.
    files : dejabatch.state.written_files.WrittenFiles
        The journal of files that the guard undoes if this process dies.

    Attributes
    ----------
    receiver : multiprocessing.connection.Connection
        Receives what the child sends.
    """

    def __init__(
        self, main: Main, arguments: tuple[Any, ...], files: WrittenFiles
    ) -> None:
        context = multiprocessing.get_context("fork")
        self.receiver, sender = context.Pipe(duplex=False)
        self._dump: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        until_here_ends, self._alive = os.pipe()
        process: Any = context.Process(
            target=main, args=(sender, self._dump, *arguments)
        )
        # The places where a child waits are those of the user's code, which `main` calls.
        self._below = inspect.getfile(main)
        self._exit_code: int | None = None
        self._ended = False
        until_guarded, guarded = os.pipe()
        self._pid = fork()
        if self._pid == 0:
            self.receiver.close()
            for descriptor in (self._alive, until_here_ends, guarded):
                os.close(descriptor)
            _run_and_exit(process, until_guarded)
        os.close(until_guarded)
        sender.close()
        self._guard = fork()
        if self._guard == 0:
            _guard_and_exit(until_here_ends, guarded, self._pid, files)
        os.close(until_here_ends)
        os.close(guarded)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _kill_group(self._pid)
        with contextlib.suppress(ProcessLookupError):
            if not self._ended:
                os.kill(self._pid, signal.SIGKILL)
        self.exit_code(None)
        with contextlib.suppress(BrokenPipeError):  # the guard was killed
            os.write(self._alive, b"\n")
        os.close(self._alive)
        wait(self._guard, None)
        self.receiver.close()
        self._dump.close()

    def exit_code(self, seconds: float | None) -> int | None:
        """Wait for the child to end; return its exit code, negative for a signal.

        None if the child lives on, or if the program ignores the ends of its children.
        """
        if not self._ended:
            self._ended, self._exit_code = wait(self._pid, seconds)
        return self._exit_code

    def ask_where_it_waits(self) -> tuple[str, ...]:
        """Return the user's lines in which the child or one of its workers is waiting."""
        if DUMP_SIGNAL is None:
            return ()
        until = time.monotonic() + _SECONDS_TO_DUMP
        # One after the other: processes that write at once would mix their lines.
        for pid in _members(self._pid):
            written = os.fstat(self._dump.fileno()).st_size
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, DUMP_SIGNAL)
            self._await_dump(written, until)
            self._dump.seek(written)
            dump = self._dump.read().decode(errors="replace")
            if places := places_in_dump(dump, self._below):
                return places
        return ()

    def _await_dump(self, before: int, until: float) -> None:
        """Wait until the file has grown, and grows no more."""
        last = before
        until = min(until, time.monotonic() + _SECONDS_TO_DUMP / 4)
        while time.monotonic() < until:
            time.sleep(0.05)
            size = os.fstat(self._dump.fileno()).st_size
            if size == last > before:
                break
            last = size


class SpawnedChild:
    """A new interpreter that runs a function, and that ends with its parent.

    Parameters
    ----------
    main : callable
        Called in the child with the sending end of a pipe, None and `arguments`. It can
        be imported.
    arguments : tuple
        More arguments for `main`, which are pickled.
    files : dejabatch.state.written_files.WrittenFiles
        The journal of files that the child undoes if this process dies.

    Attributes
    ----------
    receiver : multiprocessing.connection.Connection
        Receives what the child sends.

    Raises
    ------
    dejabatch.state.pickles.Unpicklable
        If an argument cannot be pickled.
    """

    def __init__(
        self, main: Main, arguments: tuple[Any, ...], files: WrittenFiles
    ) -> None:
        packed = Packed.of(arguments)
        context = multiprocessing.get_context("spawn")
        self.receiver, sender = context.Pipe(duplex=False)
        process: Any = context.Process(
            target=_spawned, args=(main, sender, packed, files)
        )
        self._process = process
        try:
            # `start` would assert that this process is not daemonic.
            process._popen = process._Popen(process)
        except BaseException:
            self.receiver.close()
            raise
        finally:
            sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _kill_group(self._process.pid)
        self._process.kill()
        self._process.join()
        self.receiver.close()

    def exit_code(self, seconds: float | None) -> int | None:
        """Wait for the child to end; return its exit code, negative for a signal.

        None if the child lives on.
        """
        self._process.join(seconds)
        code: int | None = self._process.exitcode
        return code

    def ask_where_it_waits(self) -> tuple[str, ...]:
        """Return nothing: the child has no file for the answer."""
        return ()


def _spawned(main: Main, sender: Any, packed: Packed, files: WrittenFiles) -> None:
    threading.Thread(target=_end_with_parent, args=(files,), daemon=True).start()
    main(sender, None, *packed.open())


def _end_with_parent(files: WrittenFiles) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    files.undo()
    _kill_group(os.getpid())
    os._exit(1)


def _members(number: int) -> list[int]:
    """Return the processes of a group, its leader first; the leader without /proc."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The second field is a name in parentheses, which may hold blanks.
            _state, _parent, group, *_ = file.read_text().rpartition(")")[2].split()
            if int(group) == number:
                found.append(int(file.parent.name))
    return sorted(found) or [number]


def _kill_group(number: int) -> None:
    """Kill a child with the processes that it started.

    Windows has no groups. There, workers of a DataLoader notice that their parent is gone
    (https://github.com/pytorch/pytorch/blob/main/torch/utils/data/_utils/worker.py).
    """
    if hasattr(os, "killpg"):
        # The child has no group of its own if it has not started any worker yet.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(number, signal.SIGKILL)


def fork() -> int:
    """Fork, without Python's warning that a thread may hold a lock."""
    # multiprocessing does so, too; the types of Python do not have this function.
    multiprocessing.util._flush_std_streams()  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        # Python warns of deadlocks where there are threads. The child avoids OpenMP's,
        # and the time limit ends all others.
        warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")
        pid = os.fork()
    if pid == 0:
        # A collection would write to every object, and so copy the memory of the parent.
        gc.freeze()
    return pid


def wait(pid: int, seconds: float | None) -> tuple[bool, int | None]:
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


def _guard_and_exit(
    until_parent_ends: int, guarded: int, group: int, files: WrittenFiles
) -> None:
    """Wait until the parent writes to its pipe or dies; then kill a group of processes."""
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.write(guarded, b"\n")
        # The guard must not keep the program's pipes open.
        os.closerange(0, until_parent_ends)
        os.closerange(until_parent_ends + 1, os.sysconf("SC_OPEN_MAX"))
        parent_is_alive = os.read(until_parent_ends, 1)
        _kill_group(group)
        if not parent_is_alive:
            files.undo()
    finally:
        os._exit(0)
