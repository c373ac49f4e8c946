"""Notice what a test leaves, without taking another program's things for its own."""

import contextlib
import gc
import multiprocessing.resource_tracker
import time
from collections.abc import Callable, Iterator

import gallery_hooks
import psutil

SECONDS = 5


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


@contextlib.contextmanager
def nothing_is_left() -> Iterator[None]:
    """Assert that a block leaves no process, no descriptor and no shared memory."""
    multiprocessing.resource_tracker.ensure_running()  # lives as long as this process
    gc.collect()  # earlier tests may have left open files, which close now
    looks = (_children, _descriptors, gallery_hooks._segments)
    before = [look() for look in looks]
    yield
    for look, seen in zip(looks, before, strict=True):
        left = lasting(look, seen)
        assert not left, f"{look.__name__.strip('_')} left: {sorted(left)}"
