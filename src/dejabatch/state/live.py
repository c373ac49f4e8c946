"""Recognise what a loader holds that a forked copy of the process cannot use.

A forked child has no threads of its parent, and must not use its connections, queues and
devices. The walk finds such objects before anything runs, each with its path.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from dejabatch.state.attributes import attribute
from dejabatch.state.inherited import has_connections
from dejabatch.state.reach import is_a, library_of, walk

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Live:
    """An object that works in its own process only.

    Attributes
    ----------
    path : str
        The path of the object, such as ``dataset.client``.
    kind : str
        The kind of the object, such as ``"an open TLS connection"``.
    """

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Held:
    """The objects in reach that matter when the process forks.

    Attributes
    ----------
    live : tuple of Live
        Objects that a forked child cannot use.
    connections : tuple of tuple of str and object
        HTTP connections with their paths, which `renew` makes usable in a child.
    locks : tuple of object
        Locks of threads, which `renew` makes usable in a child.
    """

    live: tuple[Live, ...] = ()
    connections: tuple[tuple[str, Any], ...] = ()
    locks: tuple[Any, ...] = ()

    def renew(self) -> None:
        """Close HTTP connections and free locks of threads; call in a forked child.

        A closed `http.client.HTTPConnection` connects again at the next request. A lock
        that another thread holds would stay locked, because a child lacks the thread.
        """
        for path, connection in self.connections:
            _close(path, connection)
        for lock in self.locks:
            lock._at_fork_reinit()


closed_connections: list[tuple[str, Any]] = []
"""HTTP connections that were open, and that this process has closed, by their paths."""


def close_connections(roots: Mapping[str, object]) -> None:
    """Close the HTTP connections in reach, so that each worker makes its own.

    Parameters
    ----------
    roots : mapping of str to object
        Where the walk starts, by the name that begins each path.
    """
    if has_connections():
        for path, value in walk(roots):
            if is_a(value, http.client.HTTPConnection):
                _close(path, value)


def _close(path: str, connection: Any) -> None:
    if connection.sock is not None:
        closed_connections.append((path, connection))
    with contextlib.suppress(OSError):
        connection.close()


def held_by(
    roots: Mapping[str, object], *, walked: Iterable[tuple[str, object]] | None = None
) -> Held:
    """Find the objects that matter when the process forks.

    No object is changed, and nothing is sent on a connection.

    Parameters
    ----------
    roots : mapping of str to object
        Where the walk starts, by the name that begins each path.
    walked : iterable of tuple of str and object, optional
        The result of the walk, if it has been made already.

    Returns
    -------
    Held
        The objects.
    """
    suspects: list[tuple[str, Any, Callable[[Any], str]]] = []
    connections: list[tuple[str, Any]] = []
    locks: list[Any] = []
    reconnect: set[int] = set()
    judges: dict[type, Callable[[Any], str] | None] = {}
    for path, value in walk(roots) if walked is None else walked:
        cls = type(value)
        if cls not in judges:
            judges[cls] = _judge_of(cls)
        judge = judges[cls]
        if judge is _lock:
            # Without other threads, a lock stays as the dataset left it.
            if threading.active_count() > 1:
                locks.append(value)
        elif judge is _http:
            connections.append((path, value))
            reconnect.add(id(value.sock))  # type: ignore[attr-defined]
        elif judge is not None:
            suspects.append((path, value, judge))
    live: list[Live] = []
    for path, value, judge in suspects:
        part_of_live = any(path.startswith((f"{x.path}.", f"{x.path}[")) for x in live)
        if id(value) in reconnect or part_of_live:
            continue
        if kind := judge(value):
            live.append(Live(path, kind))
    return Held(tuple(live), tuple(connections), tuple(locks))


def parts_of(loader: Any) -> dict[str, object]:
    """Return the parts of a loader that take part in making batches, by attribute.

    A running iterator of the loader is left out, because the audit never uses it. An
    object without a dataset is its own only part, ``loader``.
    """
    names = ("dataset", "sampler", "batch_sampler", "collate_fn", "worker_init_fn")
    attributes = attribute(loader, "__dict__", {})
    if "dataset" not in attributes:
        return {"loader": loader}
    return {name: attributes[name] for name in names if name in attributes}


def forks_break() -> bool:
    """Return whether a fork of this process cannot use what a function may use.

    CUDA cannot be used in a fork of a process that uses CUDA. The threads of polars, which
    start with its first query, and those of a connection to Ray do not exist in a fork.
    """
    uses_cuda: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    connected = getattr(sys.modules.get("ray"), "is_initialized", bool)
    return uses_cuda or bool(connected()) or "polars" in sys.modules


def listed(live: tuple[Live, ...]) -> str:
    """Return some live objects as ``dataset.client is an open TLS connection``."""
    named = [f"{one.path} is {one.kind}" for one in live[:_MOST_NAMED]]
    if more := len(live) - len(named):
        named.append(f"{more} more are like that")
    return ", ".join(named)


def _lock(_: Any) -> str:
    return ""


def _http(_: Any) -> str:
    return ""


def _connection(value: Any) -> str:
    if value.fileno() < 0 or value.type == socket.SOCK_DGRAM:
        return ""
    try:
        value.getpeername()
    except OSError:  # the socket listens, or has no peer yet
        return ""
    encrypted = any(cls.__module__ == "ssl" for cls in type(value).__mro__)
    return "an open TLS connection" if encrypted else "an open connection"


def _thread(value: Any) -> str:
    own = value in {threading.current_thread(), threading.main_thread()}
    return "a running thread" if value.is_alive() and not own else ""


def _program(value: Any) -> str:
    piped = any((value.stdin, value.stdout, value.stderr))
    return "a running program" if piped and value.poll() is None else ""


def _process(value: Any) -> str:
    return "a process" if getattr(value, "_popen", None) is not None else ""


def _loop(value: Any) -> str:
    return "" if value.is_closed() else "an event loop"


def _pipe(value: Any) -> str:
    return "" if value.closed else "a pipe between processes"


def _lmdb(value: Any) -> str:
    lmdb = sys.modules.get("lmdb")
    if lmdb is None or not isinstance(value, lmdb.Environment):
        return ""
    try:
        locks = value.flags()["lock"]
    except lmdb.Error:  # the environment is closed
        return ""
    # A fork never gives back the reader slots that it takes.
    return "an LMDB environment that was opened with locks" if locks else ""


def _on_device(value: Any) -> str:
    kind = value.device.type
    return "" if kind in {"cpu", "meta"} else f"on a {kind} device"


def _always(kind: str) -> Callable[[Any], str]:
    return lambda _: kind


# By the full name of a class or of one of its bases, because a library may be missing.
_JUDGES: Final[Mapping[str, Callable[[Any], str]]] = {
    "_thread.lock": _lock,
    "_thread.RLock": _lock,
    "http.client.HTTPConnection": _http,
    "socket.socket": _connection,
    "ssl.SSLObject": _always("an open TLS connection"),
    "threading.Thread": _thread,
    "asyncio.events.AbstractEventLoop": _loop,
    "subprocess.Popen": _program,
    "multiprocessing.process.BaseProcess": _process,
    "multiprocessing.connection._ConnectionBase": _pipe,
    "multiprocessing.queues.Queue": _always("a queue between processes"),
    "multiprocessing.queues.SimpleQueue": _always("a queue between processes"),
    "multiprocessing.managers.BaseProxy": _always("an object of another process"),
    "multiprocessing.managers.BaseManager": _always("a manager process"),
    "builtins.Environment": _lmdb,
    "lmdb.cffi.Environment": _lmdb,
    "polars.dataframe.frame.DataFrame": _always("of polars, which needs its threads"),
    "polars.lazyframe.frame.LazyFrame": _always("of polars, which needs its threads"),
    "polars.series.series.Series": _always("of polars, which needs its threads"),
}


def _judge_of(cls: type) -> Callable[[Any], str] | None:
    """Return a function that gives an instance's kind; None if no instance is live."""
    if issubclass(cls, (torch.Tensor, torch.Generator)):
        return _on_device
    for base in cls.__mro__:
        judge = _JUDGES.get(f"{base.__module__}.{base.__qualname__}")
        if judge is not None:
            return judge
        # These names are prescribed by Python's database API (PEP 249). duckdb's
        # databases work in a forked child.
        module = base.__module__
        database = {"cursor", "commit"} <= vars(base).keys()
        if database and _is_library(module) and "duckdb" not in module:
            return _always("an open database connection")
    return None


def _is_library(module: str) -> bool:
    of_python = module.partition(".")[0] in sys.stdlib_module_names
    return of_python or library_of(module) is not None
