"""Replace what a forked child shares with its parent, so that the parent keeps its own.

A fork copies private memory. It shares connections, pipes, the positions of open files,
and memory that is mapped as shared: tensors in shared memory, values and locks of
multiprocessing, reader tables of LMDB, files that are mapped for writing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dejabatch.state.open_files import open_descriptors

with contextlib.suppress(ImportError):  # Windows has none
    import fcntl

T = TypeVar("T")

_MOST_BYTES = 2**28
_CHUNK = 2**24
_MAP_FIXED = 0x10
_STANDARD_STREAMS = (0, 1, 2)
_FLAGS_TO_KEEP = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK if os.name == "posix" else 0

_kept: set[int] = set()


@contextlib.contextmanager
def inherited_by_children(make: Callable[[], T]) -> Iterator[T]:
    """Make an object whose descriptors forked children keep.

    Parameters
    ----------
    make : callable
        Opens descriptors that only a child will use, such as a connection to a store.

    Yields
    ------
    object
        What `make` returned.
    """
    # Garbage collection may close descriptors, whose numbers are then given again.
    before = {(number, _identity(status)) for number, status in open_descriptors()}
    made = make()
    after = {(number, _identity(status)) for number, status in open_descriptors()}
    new = {number for number, _ in after - before}
    _kept.update(new)
    try:
        yield made
    finally:
        _kept.difference_update(new)


class Inherited:
    """The open descriptors of a process that is about to fork.

    Descriptors that a library opens in the child when it is forked are not inherited,
    and stay as they are.
    """

    def __init__(self) -> None:
        found = {number: _identity(status) for number, status in open_descriptors()}
        # Programs duplicate the standard streams, which a child may write to.
        streams = {found.get(number) for number in _STANDARD_STREAMS}
        self._descriptors = {
            descriptor: identity
            for descriptor, identity in found.items()
            if descriptor not in _kept and identity not in streams
        }

    def replace(self) -> None:
        """Replace connections, pipes, positions and shared memory; call in the child.

        Connections and pipes end: reading gives the end of the stream, and writing raises
        ``BrokenPipeError``. The pipes of running workers are among them. Files are opened
        a second time, at the same position; small files that are open for writing become
        copies in memory. Without ``/proc/self``, as on macOS, only connections and pipes
        are replaced.
        """
        replace_shared_memory()
        bytes_left = _MOST_BYTES
        has_proc = _has_proc()
        # Garbage collection in this process may close descriptors during the loop. A
        # connection that is opened later could get the number of such a descriptor.
        with _dead_connection() as dead:
            for descriptor, status in open_descriptors():
                if self._descriptors.get(descriptor) != _identity(status):
                    continue
                with contextlib.suppress(OSError):
                    if stat.S_ISFIFO(status.st_mode) or _is_connection(
                        descriptor, status
                    ):
                        _put(dead.fileno(), descriptor)
                    elif stat.S_ISREG(status.st_mode) and has_proc:
                        bytes_left -= _reopen(descriptor, status, bytes_left)


def has_connections() -> bool:
    """Return whether this process has an open stream socket with a peer."""
    return any(_is_connection(*found) for found in open_descriptors())


def replace_shared_memory() -> None:
    """Replace the shared memory of this process by copies; call in a forked child.

    Processes that this process starts share the copies. Blocks beyond 256 MiB become
    private copies of their file, which the system makes page by page on the first write.
    """
    files: dict[tuple[str, int], list[_Mapping]] = {}
    for mapping in _shared_mappings():
        files.setdefault((mapping.path, mapping.inode), []).append(mapping)
    if not files:
        return
    open_files: dict[tuple[str, int], list[int]] = {}
    for descriptor, status in open_descriptors():
        with contextlib.suppress(OSError):
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            open_files.setdefault((path, status.st_ino), []).append(descriptor)
    bytes_left = _MOST_BYTES
    for key, mappings in sorted(files.items(), key=lambda item: _size(item[1])):
        descriptors = open_files.get(key, [])
        bytes_left -= _size(mappings)
        with contextlib.suppress(OSError):
            if bytes_left >= 0:
                _copy_to_memory(mappings, descriptors)
            else:
                _copy_on_write(mappings, descriptors)


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A range of addresses that is mapped as shared and writable."""

    start: int
    length: int
    offset: int
    inode: int
    path: str


def _shared_mappings() -> Iterator[_Mapping]:
    """Yield the mappings that are shared and writable, without those of devices."""
    try:
        table = Path("/proc/self/maps").read_text(errors="surrogateescape")
    except OSError:
        return
    for line in table.splitlines():
        addresses, permissions, offset, _device, inode, *path = line.split(None, 5)
        if permissions[1] != "w" or permissions[3] != "s" or not path:
            continue
        of_device = path[0].startswith(("/dev/", "anon_inode:", "["))
        if of_device and not path[0].startswith(("/dev/shm/", "/dev/zero ")):
            continue
        start, end = (int(address, 16) for address in addresses.split("-"))
        yield _Mapping(start, end - start, int(offset, 16), int(inode), path[0])


def _size(mappings: list[_Mapping]) -> int:
    return sum(mapping.length for mapping in mappings)


def _copy_to_memory(mappings: list[_Mapping], descriptors: list[int]) -> None:
    """Map a copy of a file's mapped parts in place of the file, for child processes too."""
    copy = os.memfd_create("dejabatch")
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        for mapping in mappings:
            for done in range(0, mapping.length, _CHUNK):
                length = min(_CHUNK, mapping.length - done)
                # Reading memory beyond the end of its file would be a fatal SIGBUS.
                content = os.pread(memory, length, mapping.start + done)
                os.pwrite(copy, content, mapping.offset + done)
        for mapping in mappings:
            _map(mapping, copy, mmap.MAP_SHARED)
        for descriptor in descriptors:
            position = os.lseek(descriptor, 0, os.SEEK_CUR)
            own = os.open(f"/proc/self/fd/{copy}", os.O_RDWR)
            os.lseek(own, position, os.SEEK_SET)
            _put(own, descriptor)
            os.close(own)
    finally:
        os.close(memory)
        os.close(copy)


def _copy_on_write(mappings: list[_Mapping], descriptors: list[int]) -> None:
    """Map a file's parts so that writing copies a page instead of changing the file."""
    source = f"/proc/self/fd/{descriptors[0]}" if descriptors else mappings[0].path
    file = os.open(source, os.O_RDONLY)
    try:
        for mapping in mappings:
            _map(mapping, file, mmap.MAP_PRIVATE)
    finally:
        os.close(file)


def _map(mapping: _Mapping, descriptor: int, sharing: int) -> None:
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    _libc_mmap()(
        mapping.start,
        mapping.length,
        protection,
        sharing | _MAP_FIXED,
        descriptor,
        mapping.offset,
    )


@functools.cache
def _libc_mmap() -> Any:
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    function.argtypes = [
        *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int),
        *(ctypes.c_int, ctypes.c_long),
    ]
    return function


def _has_proc() -> bool:
    return Path("/proc/self/fd").is_dir()


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, stat.S_IFMT(status.st_mode)


def _is_connection(descriptor: int, status: os.stat_result) -> bool:
    """Return whether a descriptor is a stream socket with a peer."""
    if not stat.S_ISSOCK(status.st_mode):
        return False
    kinds = {socket.SOCK_STREAM, socket.SOCK_SEQPACKET}
    try:
        opened = socket.socket(fileno=descriptor)
    except OSError:  # it was closed in the meantime
        return False
    try:
        opened.getpeername()
        return opened.type in kinds
    except OSError:  # it listens, or has no peer yet
        return False
    finally:
        opened.detach()


def _dead_connection() -> socket.socket:
    """Return a connection whose peer is gone."""
    dead, peer = socket.socketpair()
    peer.close()
    return dead


def _reopen(descriptor: int, status: os.stat_result, most_bytes: int) -> int:
    """Give a descriptor its own position in its file; return the bytes copied for it."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & _FLAGS_TO_KEEP
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    copied = 0
    if flags & os.O_ACCMODE == os.O_RDONLY or status.st_size > most_bytes:
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
    else:
        copy = os.memfd_create("dejabatch")
        if flags & os.O_ACCMODE == os.O_RDWR:
            copied = status.st_size
            for done in range(0, copied, _CHUNK):
                os.pwrite(copy, os.pread(descriptor, _CHUNK, done), done)
        os.truncate(copy, status.st_size)  # appending goes on at the end of the file
        # Workers that move the position of a file that only they write to share nothing.
        own = os.open(f"/proc/self/fd/{copy}", flags)
        os.close(copy)
    os.lseek(own, position, os.SEEK_SET)
    _put(own, descriptor)
    os.close(own)
    return copied


def _put(descriptor: int, number: int) -> None:
    os.dup2(descriptor, number, inheritable=os.get_inheritable(number))
