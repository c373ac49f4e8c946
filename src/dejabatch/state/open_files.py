"""Open files and locks that a dataset shares with forked workers."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dejabatch.state.reach import is_a, walk

_FOLDERS: Final = ("/proc/self/fd", "/dev/fd")  # macOS has only the second


def open_descriptors() -> Iterator[tuple[int, os.stat_result]]:
    """Yield the descriptors of this process with their status; none on Windows."""
    folder = next((name for name in _FOLDERS if Path(name).is_dir()), None)
    if folder is None:
        return
    for name in os.listdir(folder):  # noqa: PTH208 - a path for each would be slower
        try:
            status = os.fstat(int(name))
        except OSError:  # the folder's own descriptor is closed
            continue
        yield int(name), status


def offsets() -> dict[int, int]:
    """Return the offset of each regular file that this process has open.

    Returns
    -------
    dict of int to int
        Offset in bytes, by file descriptor; empty on Windows.
    """
    found = {}
    for descriptor, status in open_descriptors():
        if stat.S_ISREG(status.st_mode):
            with contextlib.suppress(OSError):
                found[descriptor] = os.lseek(descriptor, 0, os.SEEK_CUR)
    return found


class Positions:
    """The files open for reading in this process, and which of them workers moved.

    A forked worker shares the offset of each open file with this process. An offset that
    changes while this process does not read was therefore changed by a worker.
    """

    def __init__(self) -> None:
        self._offsets_at_start = {
            descriptor: offset
            for descriptor, offset in offsets().items()
            if _is_readable(descriptor)
        }
        self._moved: set[int] = set()

    def look(self) -> None:
        """Note the files whose offset now differs from the offset at the start."""
        for descriptor, offset in self._offsets_at_start.items():
            with contextlib.suppress(OSError):
                if os.lseek(descriptor, 0, os.SEEK_CUR) != offset:
                    self._moved.add(descriptor)

    def moved(self, dataset: object) -> tuple[str, ...]:
        """Return the paths of the files whose offset differed at some `look`.

        Parameters
        ----------
        dataset : object
            Where the walk to open files starts.

        Returns
        -------
        tuple of str
            Sorted paths from ``dataset``. Files out of the dataset's reach are left out,
            such as a file that the program's output is redirected to.
        """
        if not self._moved:
            return ()
        paths: dict[int, str] = {}
        for path, value in walk({"dataset": dataset}):
            if is_a(value, io.IOBase):
                with contextlib.suppress(OSError, ValueError):
                    paths.setdefault(value.fileno(), path)  # type: ignore[attr-defined]
        return tuple(sorted(paths[fd] for fd in self._moved & paths.keys()))


def holds_lock(dataset: object) -> bool:
    """Return whether a dataset holds a lock of multiprocessing, to share with workers."""
    return any(
        type(value).__module__ == "multiprocessing.synchronize"
        for _, value in walk({"dataset": dataset})
    )


def _is_readable(descriptor: int) -> bool:
    """Return whether a file is open for reading, unlike most log files."""
    try:
        os.pread(descriptor, 0, 0)
    except OSError:
        return False
    return True
