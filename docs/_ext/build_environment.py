"""Show on every page what its outputs depend on, and start anew when that changes.

sphinx-gallery runs a page again only when the page's script has changed. The outputs
also depend on the package, on the installed libraries and on this folder, so a change of
any of these makes the next build start from nothing.
"""

from __future__ import annotations

import datetime
import hashlib
import multiprocessing
import os
import platform
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

EXECUTING = ("figure_twins", "gallery_hooks")
LIBRARIES = ("torch", "torchvision", "numpy", "matplotlib", "sphinx-gallery")


def stamp() -> dict[str, str]:
    """Return facts about this machine that readers can compare with their own."""
    return {
        "torch": version("torch"),
        "Python": platform.python_version(),
        "NumPy": version("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        # Asking for the default without allow_none would set it for the whole build.
        "start method": multiprocessing.get_start_method(allow_none=True)
        or multiprocessing.get_all_start_methods()[0],
        "cores": str(os.cpu_count()),
    }


def _fingerprint(root: Path) -> str:
    """Hash what the outputs depend on, except the text of the pages' scripts."""
    facts: list[Any] = [stamp(), [(name, version(name)) for name in LIBRARIES]]
    extensions = [f"docs/_ext/{name}.py" for name in EXECUTING]
    for pattern in ("src/**/*.py", *extensions, "docs/*.mplstyle"):
        sources = sorted(root.glob(pattern))
        facts += [(path.relative_to(root), path.read_bytes()) for path in sources]
    # A page that was renamed or deleted must not stay in the site.
    facts += [path.relative_to(root) for path in sorted(root.glob("gallery/**/*.py"))]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _marker(app: Sphinx) -> Path:
    return Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"], ".built-in")


def _forget_old_outputs(app: Sphinx, _config: Config) -> None:
    marker = _marker(app)
    fingerprint = _fingerprint(Path(app.srcdir).parent)
    if not marker.is_file() or marker.read_text() != fingerprint:
        shutil.rmtree(marker.parent, ignore_errors=True)
        # Pages that list the catalogue or document the package are read again as well.
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def _remember(app: Sphinx, exception: Exception | None) -> None:
    # A failed build leaves no marker, or the next build could pass by skipping pages.
    if exception is None and app._warncount == 0:
        _marker(app).write_text(_fingerprint(Path(app.srcdir).parent))
    else:
        _marker(app).unlink(missing_ok=True)


def _add_stamp(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    # Only pages of the gallery are executed. Their hash has the date of the outputs.
    script = Path(app.srcdir, "gallery", f"{pagename.removeprefix('gallery/')}.py")
    hashed = script.with_suffix(".py.md5")
    outputs, seconds = "missing" if script.is_file() else "none", time.time()
    if hashed.is_file():
        outputs, seconds = "executed", hashed.stat().st_mtime
    date = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).date()
    context["build_stamp"] = {**stamp(), "outputs": outputs, "date": date.isoformat()}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the stamp, and the removal of outdated outputs."""
    # Before sphinx-gallery generates pages, which it does at builder-inited.
    app.connect("config-inited", _forget_old_outputs)
    # After sphinx-gallery has raised for failed pages.
    app.connect("build-finished", _remember, priority=900)
    app.connect("html-page-context", _add_stamp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
