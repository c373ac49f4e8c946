"""Describe the exception or the death that ended the reading of a loader.

A worker sends its exception as text. `describe_errors_of_worker` makes the worker send a
description as well, because only the worker has the frames of the traceback.
"""

from __future__ import annotations

import contextlib
import dataclasses
import linecache
import operator
import re
import signal
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

import torch
from torch._utils import ExceptionWrapper
from torch.utils.data import dataset as torch_dataset
from torch.utils.data import get_worker_info
from torch.utils.data._utils import fetch as torch_fetch
from torch.utils.data._utils import worker as torch_worker

from dejabatch.observe.record import MAIN_PROCESS, Ended

# Attributes that are added to an exception on its way.
_ENDED: Final = "_dejabatch_ended"
_WHERE: Final = "_dejabatch_where"

_MOST_LINES = 3
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_PACKAGES = (
    *(sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
)
# The files of torch that ask a dataset for an index, which they call idx.
_ASKING = {torch_fetch.__file__, torch_dataset.__file__}


@contextlib.contextmanager
def blame(where: str) -> Iterator[None]:
    """Mark an exception with the part of the loader that raises it.

    Parameters
    ----------
    where : str
        The attribute of the loader that the block calls, such as ``collate_fn``.
    """
    try:
        yield
    except Exception as error:
        if not hasattr(error, _WHERE):
            setattr(error, _WHERE, where)
        raise


def ended_by(error: BaseException) -> Ended:
    """Return the description of an exception.

    Parameters
    ----------
    error : BaseException
        An exception with its traceback.

    Returns
    -------
    dejabatch.observe.record.Ended
        The description, without epoch and batch. For an exception of a worker, the
        description is the worker's.
    """
    text = "".join(traceback.format_exception(error))
    known: Ended | None = getattr(error, _ENDED, None)
    if known is not None:
        return dataclasses.replace(known, traceback=text)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    fetched = any(frame.f_code.co_filename == torch_fetch.__file__ for frame in frames)
    where = getattr(error, _WHERE, "dataset" if fetched else "")
    info = get_worker_info()
    return Ended(
        reason="raised",
        error=traceback.format_exception_only(error)[0].strip().splitlines()[0],
        traceback=text,
        lines=_user_lines(error),
        where=where,
        index=_index(frames) if where == "dataset" else None,
        worker=MAIN_PROCESS if info is None else info.id,
    )


def how_it_died(exit_code: int | None) -> str:
    """Return how a process died, such as ``killed by SIGKILL`` or ``exit code 3``.

    Parameters
    ----------
    exit_code : int or None
        As `multiprocessing.Process.exitcode`: negative for a signal, None if unknown.
    """
    if exit_code is None:
        return "unknown exit code"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:  # a realtime signal has no name
        return f"killed by signal {-exit_code}"


def places_in_dump(dump: str, below: str) -> tuple[str, ...]:
    """Return the user's lines in the first stack of a dump of faulthandler's.

    Parameters
    ----------
    dump : str
        Stacks of several threads and processes, each with the innermost frame first.
    below : str
        The file whose frames, and all frames outside them, are left out.

    Returns
    -------
    tuple of str
        The innermost lines, the outermost first, each as ``path:line in function:
        source``. Empty if no stack has a line of the user's.
    """
    for stack in re.split(r"^(?:Current thread|Thread) ", dump, flags=re.MULTILINE)[1:]:
        lines: list[str] = []
        for file, line, function in _FRAME.findall(stack):
            if file == below or len(lines) == _MOST_LINES:
                break
            if not file.startswith((*_PACKAGES, "<")):
                source = linecache.getline(file, int(line)).strip()
                lines.append(f"{_short(file)}:{line} in {function}: {source}")
        if lines:
            return tuple(reversed(lines))
    return ()


def describe_dead_worker(error: Exception, workers: Iterable[Any]) -> None:
    """Add a description to the exception that torch raises when a worker died.

    Parameters
    ----------
    error : Exception
        Any exception of a DataLoader.
    workers : iterable of multiprocessing.Process
        The workers in their order.
    """
    if not (isinstance(error, RuntimeError) and "DataLoader worker (pid" in str(error)):
        return
    for number, worker in enumerate(workers):
        worker.join(0)
        if worker.exitcode:
            died = how_it_died(worker.exitcode)
            ended = Ended(reason="worker died", error=died, worker=number)
            setattr(error, _ENDED, ended)
            return
    unknown = Ended(reason="worker died", error=how_it_died(None))
    setattr(error, _ENDED, unknown)


def describe_errors_of_worker() -> None:
    """Make this worker of a DataLoader describe its exceptions."""
    torch_worker.ExceptionWrapper = _Described  # type: ignore[attr-defined]


class _Described(ExceptionWrapper):
    """An exception on its way from a worker, with its description."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        super().__init__(exc_info, where)  # type: ignore[no-untyped-call]
        error: Any = (exc_info or sys.exc_info())[1]
        self.ended = ended_by(error)

    def reraise(self) -> None:
        try:
            super().reraise()  # type: ignore[no-untyped-call]
        except Exception as error:
            setattr(error, _ENDED, self.ended)
            raise


def _index(frames: list[FrameType]) -> int | None:
    """Return the index that the dataset was asked for; None if it is not an integer."""
    asked: Any = None
    asking: FrameType | None = None
    for frame in frames:
        code = frame.f_code
        if code.co_filename in _ASKING:
            asking = frame
            # A listcomp has a frame before Python 3.12; later, its idx is gone.
            names = ("idx", "possibly_batched_index")
            asked = next(
                (frame.f_locals[n] for n in names if n in frame.f_locals), None
            )
            if _is_index(asked):
                break
        elif asking is not None:
            if code.co_argcount > 1:
                argument = frame.f_locals.get(code.co_varnames[1])
                if asking.f_code.co_filename == torch_fetch.__file__:
                    asked = argument
                elif "indices" in asking.f_locals:
                    asked = _index_in_subset(asking.f_locals, argument)
            break
    return operator.index(asked) if _is_index(asked) else None


def _index_in_subset(names: Mapping[str, Any], argument: Any) -> Any:
    """Return the index in a Subset that stands for `argument`; None if several do."""
    subset, batch = names["self"], names["indices"]
    asked = [index for index in batch if subset.indices[index] == argument]
    return asked[0] if len(asked) == 1 else None


def _is_index(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, torch.Tensor)


def _user_lines(error: BaseException) -> tuple[str, ...]:
    """Return the last lines of a traceback that are neither torch's nor a package's."""
    stack = traceback.extract_tb(error.__traceback__)
    user = [entry for entry in stack if not entry.filename.startswith(_PACKAGES)]
    return tuple(
        f"{_short(entry.filename)}:{entry.lineno} in {entry.name}: {entry.line}"
        for entry in user[-_MOST_LINES:]
        if not entry.filename.startswith("<frozen")
    )


def _short(file: str) -> str:
    """Return a path below the current directory as a relative path."""
    with contextlib.suppress(OSError, ValueError):
        return str(Path(file).relative_to(Path.cwd()))
    return file
