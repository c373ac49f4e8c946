"""What sphinx-gallery needs so that pages may start worker processes.

Four things, each without touching a page's own code: classes that are defined in a
page work in spawned workers; a page that hangs fails instead of hanging the build;
every page starts from PyTorch's defaults; a page that leaves processes, figures or
shared memory behind fails.

The random state is deliberately never seeded here: the downloaded script would then
behave differently from its page.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.spawn
import os
import re
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import figure_twins
import psutil
from sphinx.util import logging

if TYPE_CHECKING:
    from types import FrameType

    from sphinx.application import Sphinx
    from sphinx.config import Config

# torch and matplotlib take seconds to import, so they wait for a page to be executed.

logger = logging.getLogger(__name__)

SHARED_MEMORY = Path("/dev/shm")

_time_limit = 0.0
_before: set[str] = set()


# Classes of a page in spawned workers ------------------------------------------------

_original_preparation_data = multiprocessing.spawn.get_preparation_data


def _preparation_data(name: str) -> dict[str, Any]:
    """Tell a new process to run the page's file where it would look for a module.

    sphinx-gallery executes a page in a `__main__` that has a name but neither a loader
    nor a file. A spawned child would import `__main__` by that name, find nothing, and
    fail to unpickle the page's classes. `sys.argv[0]` is the page's path meanwhile.
    """
    data = _original_preparation_data(name)
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name == "__main__" and spec.loader is None:
        data.pop("init_main_from_name", None)
        data["init_main_from_path"] = str(Path(sys.argv[0]).resolve())
    return data


# A page that hangs -------------------------------------------------------------------


def _out_of_time(_signal: int, _frame: FrameType | None) -> None:
    msg = f"the page ran for more than {_time_limit:g} s (gallery_time_limit)"
    raise TimeoutError(msg)


def _start_clock() -> None:
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.signal(signal.SIGALRM, _out_of_time)
        signal.setitimer(signal.ITIMER_REAL, _time_limit)


def _stop_clock() -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


# A page's settings do not reach the next page ----------------------------------------


def _defaults() -> None:
    """Put PyTorch, multiprocessing and matplotlib back to how a script finds them."""
    import matplotlib.pyplot as plt
    import torch

    torch.set_num_threads(1)  # what OMP_NUM_THREADS=1 gives a script
    torch.set_default_dtype(torch.float32)
    torch.set_printoptions(profile="default")
    torch.use_deterministic_algorithms(False)
    multiprocessing.set_start_method(None, force=True)
    # The server has imported the page's modules and would serve them to the next page.
    multiprocessing.forkserver._forkserver._stop()
    plt.close("all")
    plt.rcParams.update(figure_twins.style())
    # True on a build machine with few cores only, and it prints a machine path.
    warnings.filterwarnings("ignore", message="This DataLoader will create")


# A page that leaves something behind -------------------------------------------------


def _processes() -> dict[str, Any]:
    keep = {
        multiprocessing.resource_tracker._resource_tracker._pid,
        multiprocessing.forkserver._forkserver._forkserver_pid,
    }
    children = psutil.Process().children(recursive=True)
    return {f"process {p.pid}": p for p in children if p.pid not in keep}


def _mapped_by(pid: int) -> dict[int, str]:
    """Return the inodes of the shared memory that a process maps, with their paths.

    A semaphore's path is no help: its creator maps it by a name that is gone since.
    """
    try:
        maps = Path("/proc", str(pid), "maps").read_text(encoding="utf-8")
    except OSError:  # it has ended, or it is somebody else's
        return {}
    lines = re.findall(
        rf"^(?:\S+ ){{4}}(\d+) +({SHARED_MEMORY}/\S+)", maps, flags=re.MULTILINE
    )
    return {int(inode): path for inode, path in lines}


def _segments() -> set[str]:
    """Shared memory that this process maps, or that has a name but no other owner.

    Other programs on the machine have shared memory of their own. It is theirs if it
    belongs to another user or if a process outside this build maps it.
    """
    if not SHARED_MEMORY.is_dir():  # only Linux shows shared memory as files
        return set()
    named = {}
    for path in SHARED_MEMORY.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_uid == os.getuid():
                named[path.stat().st_ino] = str(path)
    this = psutil.Process()
    ours = {this.pid, *(child.pid for child in this.children(recursive=True))}
    foreign = {i for pid in set(psutil.pids()) - ours for i in _mapped_by(pid)}
    left = _mapped_by(this.pid) | {i: p for i, p in named.items() if i not in foreign}
    return set(left.values())


def _left_behind() -> dict[str, Any]:
    import matplotlib.pyplot as plt

    figures = {f"figure {number}": None for number in plt.get_fignums()}
    segments = {f"shared memory {path}": None for path in _segments()}
    return figures | segments | _processes()


def _clean_up_and_report(gallery_conf: dict[str, Any], fname: str) -> None:
    """Fail the page, and only the page, that left something behind."""
    gc.collect()
    deadline = time.monotonic() + 2  # a process that was told to end needs a moment
    while (leaks := _left_behind()).keys() - _before:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    leaks = {name: leaks[name] for name in leaks.keys() - _before}
    for process in leaks.values():
        if process is not None:
            # torch raises RuntimeError for a killed worker as soon as it hears of it,
            # which is while this waits.
            with contextlib.suppress(psutil.Error, RuntimeError):
                process.kill()
                process.wait(timeout=5)
    if leaks:
        message = f"{fname} left behind: {', '.join(sorted(leaks))}"
        logger.warning(message, type="sphinx_gallery", subtype="example_error")
        page = next(
            path
            for folder in gallery_conf["examples_dirs"]
            for path in Path(gallery_conf["src_dir"], folder).resolve().rglob(fname)
        )
        gallery_conf["failing_examples"][str(page)] = message


# What sphinx-gallery and Sphinx call -------------------------------------------------


def reset(gallery_conf: dict[str, Any], fname: str | None, when: str) -> None:
    """Prepare for a page, or put everything back and look at what it left."""
    if fname is None:  # sphinx-gallery enters a folder
        return
    if when == "before":
        _defaults()
        _before.clear()
        _before.update(_left_behind())
        _start_clock()
    else:
        _stop_clock()
        _clean_up_and_report(gallery_conf, fname)
        _defaults()


def _configure(_app: Sphinx, config: Config) -> None:
    global _time_limit  # noqa: PLW0603 - sphinx-gallery passes `reset` no Sphinx config
    _time_limit = config.gallery_time_limit


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the hooks."""
    # Threads of OpenMP that exist before a fork deadlock in the child.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    multiprocessing.spawn.get_preparation_data = _preparation_data
    app.add_config_value("gallery_time_limit", 120.0, "", (int, float))
    app.connect("config-inited", _configure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
