"""Notice what a test leaves, without taking another program's things for its own."""

import contextlib
import gc
import multiprocessing.resource_tracker
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

SECONDS = 5
# Semaphores of this process and of those that it starts have names of their own.
SEMAPHORES = f"mp-of-{os.getpid()}"
multiprocessing.current_process()._config["semprefix"] = f"/{SEMAPHORES}"


def lasting(look: Callable[[], set], before: set) -> set:
    """Return what was not there before, and is there at every look for some seconds.

    The resource tracker of a killed group unlinks what the group left a little later.
    Shared memory of another program has no owner for a moment, between its creation and
    its first use.
    """
    new = look() - before
    deadline = time.monotonic() + SECONDS
    while new and time.monotonic() < deadline:
        time.sleep(0.05)
        new &= look()
    return new


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _descriptors() -> set[int]:
    """Return numbers below the count of open descriptors, so that more of them show."""
    return set(range(psutil.Process().num_fds()))


def _mapped_by(pid: int) -> set[str]:
    """Return the paths of the shared memory that a process maps."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
        paths = [line.split(None, 5)[-1] for line in lines if "/dev/shm/" in line]
        return {path.removesuffix(" (deleted)") for path in paths}
    return set()


def _segments() -> set[str]:
    """Return shared memory that this process maps, or that no process maps."""
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return set()
    named = set()
    for path in folder.iterdir():
        if path.name.startswith("sem.") and f"{SEMAPHORES}-" not in path.name:
            continue
        with contextlib.suppress(OSError):
            if path.stat().st_uid == os.getuid():
                named.add(str(path))
    if named:
        this = psutil.Process()
        ours = {this.pid, *(child.pid for child in this.children(recursive=True))}
        named -= {path for pid in set(psutil.pids()) - ours for path in _mapped_by(pid)}
    return named | _mapped_by(os.getpid())


@contextlib.contextmanager
def nothing_is_left() -> Iterator[None]:
    """Assert that a block leaves no process, no descriptor and no shared memory."""
    multiprocessing.resource_tracker.ensure_running()  # lives as long as this process
    gc.collect()  # earlier tests may have left open files, which close now
    looks = (_children, _descriptors, _segments)
    before = [look() for look in looks]
    yield
    for look, seen in zip(looks, before, strict=True):
        left = lasting(look, seen)
        assert not left, f"{look.__name__.strip('_')} left: {sorted(left)}"
