"""Undo what child processes write to files.

Python announces each file that is opened for writing, renamed or removed
(https://docs.python.org/3/library/audit_events.html). Before the first change of a path,
a journal gets a copy of its content, or the note that the path did not exist. The parent
undoes the changes when the child and its workers have ended.
"""

from __future__ import annotations

import contextlib
import filecmp
import functools
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import torch

with contextlib.suppress(ImportError):  # Windows has none
    import fcntl

_MOST_BYTES = 2**28
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# SQLite writes to these files beside a database.
_OF_SQLITE: Final = ("", "-journal", "-wal", "-shm")
# Modules are compiled when they are imported; the other folders hold no files of a disk.
_LEFT_ALONE: Final = ("/__pycache__/", "/dev/", "/proc/", "/sys/")
_REMOVES: Final = frozenset({"os.mkdir", "os.remove", "os.rmdir", "os.truncate"})


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """The changes that child processes make to files.

    Files are left as they are if they have more than 256 MiB, if they are opened for
    appending, and if compiled code writes them without Python, as h5py and OpenCV do.

    Attributes
    ----------
    folder : str
        Path of the journal, a temporary folder that `undo` removes.
    """

    folder: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="dejabatch-"))

    def watch(self) -> None:
        """Note each file before this process or a fork of it changes the file."""
        if self.folder not in _watched:
            _watched.add(self.folder)
            _announce_files_of_torch()
            _map_large_files_privately()
            sys.addaudithook(functools.partial(_note, self.folder))

    def any_noted(self) -> bool:
        """Return whether the journal has a note of any file."""
        return next(Path(self.folder).glob("*.json"), None) is not None

    def undo(self) -> tuple[str, ...]:
        """Undo the changes, and remove the journal.

        Returns
        -------
        tuple of str
            Sorted paths of the files that were changed and are left as they are.
        """
        notes = [json.loads(n.read_text()) for n in Path(self.folder).glob("*.json")]
        notes.sort(key=lambda note: len(note["path"]))
        moved = [note for note in notes if note["kind"] == "moved"]
        for note in reversed(moved):
            if not os.path.lexists(note["path"]):
                with contextlib.suppress(OSError):
                    Path(note["to"]).rename(note["path"])
        for note in reversed(notes):
            if note["kind"] == "absent":
                _remove(Path(note["path"]))
        left = [note["path"] for note in notes if not _restore(note)]
        shutil.rmtree(self.folder, ignore_errors=True)
        return tuple(sorted(left))


# The journals to which this process writes; a fork goes on with its copy.
_watched: set[str] = set()
_at_work = threading.local()


def _note(folder: str, event: str, arguments: tuple[Any, ...]) -> None:
    """Write notes of the paths that an event is about to change."""
    if event not in _EVENTS or getattr(_at_work, "noting", False):
        return
    _at_work.noting = True
    try:
        if event == "os.rename":
            _note_move(folder, *map(_absolute, arguments[:2]))
            return
        for path, appends in _EVENTS[event](*arguments):
            _note_path(folder, _absolute(path), appends=appends)
    except (OSError, TypeError, ValueError):
        pass  # the call that is announced will raise the same error
    finally:
        _at_work.noting = False


def _absolute(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are not followed


def _opened(path: Any, mode: Any, flags: int) -> Iterator[tuple[Any, bool]]:
    if not isinstance(path, int) and flags & _WRITING:
        appends = bool(flags & os.O_APPEND) or "a" in (mode or "")
        yield path, appends


def _connected(database: Any) -> Iterator[tuple[Any, bool]]:
    name = os.fsdecode(database)
    if name.startswith("file:"):
        name, _, query = name.removeprefix("file:").partition("?")
        if "mode=ro" in query or "mode=memory" in query:
            return
        name = unquote(name)
    if name and name != ":memory:":
        for ending in _OF_SQLITE:
            yield name + ending, False


def _first(path: Any, *_: Any) -> Iterator[tuple[Any, bool]]:
    if not isinstance(path, int):
        yield path, False


def _second(_: Any, path: Any, *__: Any) -> Iterator[tuple[Any, bool]]:
    yield path, False


_EVENTS: Final[dict[str, Any]] = {
    "open": _opened,
    "sqlite3.connect": _connected,
    "os.link": _second,
    "os.symlink": _second,
    "os.rename": _second,
    **dict.fromkeys(_REMOVES, _first),
}


@contextlib.contextmanager
def _entry(folder: str, path: str) -> Iterator[Path | None]:
    """Give the journal's entry of a path, or None if the path has a note already."""
    name = hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()
    entry = Path(folder, f"{name}.json")
    if entry.exists() or f"{path}/".startswith((folder, *_LEFT_ALONE[1:])):
        yield None
        return
    with Path(folder, "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be about to note the path
        yield None if entry.exists() or _LEFT_ALONE[0] in path else entry


def _note_path(folder: str, path: str, *, appends: bool = False) -> None:
    with _entry(folder, path) as entry:
        if entry is None:
            return
        note: dict[str, object] = {"path": path}
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            note["kind"] = "absent"
        else:
            if stat.S_ISDIR(status.st_mode):
                note["kind"] = "folder"
            elif not stat.S_ISREG(status.st_mode):
                return
            elif appends or status.st_size > _MOST_BYTES:
                note["kind"] = "left"
            else:
                note["kind"] = "file"
                note["copy"] = str(entry.with_suffix(".copy"))
                shutil.copyfile(path, entry.with_suffix(".copy"))
            note["mode"] = stat.S_IMODE(status.st_mode)
            note["size"] = status.st_size
            note["times"] = status.st_atime_ns, status.st_mtime_ns
        _write(entry, note)


def _write(entry: Path, note: dict[str, object]) -> None:
    """Write an entry at once, because the process may be killed at any time."""
    entry.with_suffix(".new").write_text(json.dumps(note))
    entry.with_suffix(".new").replace(entry)


def _note_move(folder: str, source: str, target: str) -> None:
    _note_path(folder, target)
    with _entry(folder, source) as entry:
        if entry is not None and os.path.lexists(source):
            _write(entry, {"kind": "moved", "path": source, "to": target})


def _remove(path: Path) -> None:
    """Remove a file that did not exist before, or an empty folder."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()


def _restore(note: dict[str, Any]) -> bool:
    """Restore a file or folder; return whether its content is now as it was."""
    path = Path(note["path"])
    if note["kind"] in {"absent", "moved"}:
        return True
    if note["kind"] == "folder":
        with contextlib.suppress(OSError):
            path.mkdir(note["mode"])
        return path.is_dir()
    try:
        if note["kind"] == "left":
            status = path.stat()
            return (status.st_size, status.st_mtime_ns) == (
                note["size"],
                note["times"][1],
            )
        copy = Path(note["copy"])
        if path.exists() and filecmp.cmp(copy, path, shallow=False):
            return True
        # The program may have the file open, so the file is not replaced by another.
        with (
            copy.open("rb") as source,
            path.open("r+b" if path.exists() else "wb") as f,
        ):
            shutil.copyfileobj(source, f)
            f.truncate()
        path.chmod(note["mode"])
        os.utime(path, ns=tuple(note["times"]))
    except OSError:
        return False
    return True


def _announce_files_of_torch() -> None:
    """Make torch.save announce its file, which compiled code opens."""
    writer: Any = getattr(torch.serialization, "_open_zipfile_writer_file", None)
    if writer is None:
        return
    begin = writer.__init__

    def announce_and_begin(
        self: Any, name: Any, *arguments: Any, **options: Any
    ) -> None:
        sys.audit("open", name, "wb", _WRITING)
        begin(self, name, *arguments, **options)

    writer.__init__ = announce_and_begin


def _map_large_files_privately() -> None:
    """Let `numpy.memmap` copy on write, where the file is too large for a copy."""
    mapped: Any = np.memmap
    make = mapped.__new__

    def make_private(
        cls: Any,
        filename: Any,
        dtype: Any = np.uint8,
        mode: str = "r+",
        *arguments: Any,
        **options: Any,
    ) -> Any:
        if mode in {"r+", "readwrite"} and _is_large(filename):
            mode = "c"
        return make(cls, filename, dtype, mode, *arguments, **options)

    mapped.__new__ = make_private


def _is_large(file: Any) -> bool:
    with contextlib.suppress(OSError, TypeError):
        path = file.name if hasattr(file, "fileno") else file
        return Path(path).stat().st_size > _MOST_BYTES
    return False
