"""Open files that a dataset brings along into forked workers."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from pathlib import Path

from dejabatch.state.reach import is_a, walk


def offsets() -> dict[int, int]:
    """Return the position in each open regular file of this process, by descriptor."""
    folder = Path("/proc/self/fd")
    found = {}
    for descriptor in (
        [int(p.name) for p in folder.iterdir()] if folder.is_dir() else ()
    ):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                found[descriptor] = os.lseek(descriptor, 0, os.SEEK_CUR)
    return found


class Positions:
    """The positions in this process's open files, as long as it does not read in them.

    A forked worker has the same open files, and each has one position for both.
    """

    def __init__(self) -> None:
        self._first = {
            descriptor: offset
            for descriptor, offset in offsets().items()
            if _is_read(descriptor)
        }
        self._moved: set[int] = set()

    def look(self) -> None:
        """Take note of the files whose position has changed."""
        for descriptor, offset in self._first.items():
            with contextlib.suppress(OSError):
                if os.lseek(descriptor, 0, os.SEEK_CUR) != offset:
                    self._moved.add(descriptor)

    def moved(self, dataset: object) -> tuple[str, ...]:
        """Return the paths of the files whose position has changed at some look.

        Parameters
        ----------
        dataset : object
            From where to look for them.

        Returns
        -------
        tuple of str
            Files to which no path leads are left out: what the program prints may go to
            a file, too.
        """
        if not self._moved:
            return ()
        paths: dict[int, str] = {}
        for path, value in walk({"dataset": dataset}):
            if is_a(value, io.IOBase):
                with contextlib.suppress(OSError, ValueError):
                    paths.setdefault(value.fileno(), path)  # type: ignore[attr-defined]
        return tuple(sorted(paths[one] for one in self._moved & paths.keys()))


def holds_lock(dataset: object) -> bool:
    """Tell whether a dataset holds a lock of multiprocessing, for its workers."""
    return any(
        type(value).__module__ == "multiprocessing.synchronize"
        for _, value in walk({"dataset": dataset})
    )


def _is_read(descriptor: int) -> bool:
    """Tell whether a file is open for reading, as a log file is not."""
    try:
        os.pread(descriptor, 0, 0)
    except OSError:
        return False
    return True
