"""Run the pages of the gallery, each in a process of its own, as many at once as `-j`.

sphinx-gallery's own workers are joblib's, which replace the `multiprocessing` that the
pages are about. A page here is forked from a process with torch imported: it starts like
a script, needs no time for imports, and changes no setting of another page.

A page fails, and the build goes on, if the page exceeds its time limit or leaves
processes behind. The random state is never seeded: a
downloaded script would then behave differently from its page.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.spawn
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import psutil
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.display import progress_message
from sphinx.util.parallel import ParallelTasks
from sphinx_gallery import gen_rst

logger = logging.getLogger(__name__)

# Imported once, before the pages' processes are forked. DDP imports torch._dynamo.
PRELOADED = ("matplotlib.pyplot", "torch._dynamo", "torchvision.transforms.v2")

_original_preparation_data = multiprocessing.spawn.get_preparation_data


def _preparation_data(name: str) -> dict[str, Any]:
    """Make a spawned process run the page's file as its main module.

    sphinx-gallery executes a page in a `__main__` that has a name but neither a loader
    nor a file. A spawned child would import `__main__` by that name, find nothing, and
    fail to unpickle the page's classes. sphinx-gallery sets `sys.argv[0]` to the page.
    """
    data = _original_preparation_data(name)
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name == "__main__" and spec.loader is None:
        data.pop("init_main_from_name", None)
        data["init_main_from_path"] = str(Path(sys.argv[0]).resolve())
    return data


def _out_of_time(_signal: int, _frame: object) -> None:
    _, seconds = signal.getitimer(signal.ITIMER_REAL)
    msg = f"the page ran for more than {seconds:g} s (gallery_time_limit)"
    raise TimeoutError(msg)


def _clean_up() -> list[str]:
    """Kill the processes that a page leaves, and name them."""
    gc.collect()
    servers = {
        multiprocessing.resource_tracker._resource_tracker._pid,
        multiprocessing.forkserver._forkserver._forkserver_pid,
    }
    children = psutil.Process().children(recursive=True)
    # A process that is ending needs a moment.
    _, left = psutil.wait_procs([p for p in children if p.pid not in servers], 2)
    for process in left:
        # torch raises RuntimeError when it notices that its worker was killed.
        with contextlib.suppress(psutil.Error, RuntimeError):
            process.kill()
            process.wait(timeout=5)
    return [f"process {process.pid}" for process in left]


_generate = gen_rst.generate_file_rst
_results: dict[tuple[str, ...], Any] = {}


def _run(page: tuple[str, str, str, dict[str, Any], float]) -> Any:
    """Run a page in this process, which runs no other page."""
    name, target, source, gallery_conf, time_limit = page
    # A fork inherits the random states and forces the start method. A script does not.
    importlib.import_module("numpy").random.seed()
    importlib.import_module("torch").seed()
    multiprocessing.set_start_method(None, force=True)
    # torch warns on machines with few cores only, and prints a path of the machine.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, time_limit, time_limit)
    intro, title, cost, outcome = _generate(name, target, source, gallery_conf)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if leaks := _clean_up():
        message = f"{name} left behind: {', '.join(leaks)}"
        logger.warning(message, type="sphinx_gallery", subtype="example_error")
        outcome.pop("passing", None)
        outcome.setdefault("formatted_exception", message)
        Path(target, f"{name}.md5").unlink(missing_ok=True)  # or a rebuild skips it
    return intro, title, cost, outcome


def _must_run(script: Path, target: Path, gallery_conf: dict[str, Any]) -> bool:
    hashed, current = target.with_suffix(".py.md5"), gen_rst.get_md5sum(script, "t")
    executable = gen_rst.executable_script(str(script), gallery_conf)
    return executable and not (hashed.is_file() and hashed.read_text() == current)


def _run_pages(app: Sphinx) -> None:
    """Run what is new or has changed, before sphinx-gallery asks for the results."""
    conf = app.config.sphinx_gallery_conf
    folders = (conf["examples_dirs"], conf["gallery_dirs"])
    source, target = (Path(app.srcdir, folder).resolve() for folder in folders)
    scripts = {s: target / s.relative_to(source) for s in source.rglob("*.py")}
    waiting = [s for s, copy in scripts.items() if _must_run(s, copy, conf)]
    if not waiting:
        return
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # a collection in a page's process would copy what it inherits
    tasks = ParallelTasks(app.parallel)
    with progress_message(f"executing {len(waiting)} pages, {app.parallel} at once"):
        # The largest first, since the last runs alone. Sphinx starts the last added.
        for script in sorted(waiting, key=lambda script: script.stat().st_size):
            folder = scripts[script].parent
            Path(folder, "images", "thumb").mkdir(parents=True, exist_ok=True)
            page = script.name, str(folder), str(script.parent)
            tasks.add_task(
                _run,
                (*page, conf, app.config.gallery_time_limit),
                lambda task, result: _results.update({task[:3]: result}),
            )
        tasks.join()


def _take_result(name: str, target: Any, source: Any, gallery_conf: Any) -> Any:
    page = str(name), str(Path(target).resolve()), str(Path(source).resolve())
    return _results.pop(page, None) or _generate(name, target, source, gallery_conf)


def setup(app: Sphinx) -> dict[str, Any]:
    """Run the pages when the builder is ready, before sphinx-gallery does."""
    # OpenMP threads that exist before a fork deadlock in the child.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    multiprocessing.spawn.get_preparation_data = _preparation_data
    gen_rst.generate_file_rst = _take_result
    app.add_config_value("gallery_time_limit", 120.0, "", (int, float))
    app.connect("builder-inited", _run_pages, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
