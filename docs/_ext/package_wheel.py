"""Build the package's wheel beside the pages.

A page, its downloads and the package that they use are then of one version. Until the
site is published, downloads install the wheel from the folder of this build.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build import ProjectBuilder
from pyproject_hooks import quiet_subprocess_runner
from sphinx.application import Sphinx

# A comment among a script's PEP 723 dependencies: a name could be another package's.
PLACEHOLDER = "#   # dejabatch: a build of the site adds its wheel here\n"


def fill_in(downloads: Path, texts: Mapping[str, str]) -> None:
    """Replace `texts` in all scripts and notebooks, and in the archives of them."""

    def filled(data: bytes) -> bytes:
        for old, new in texts.items():
            data = data.replace(old.encode(), new.encode())
        return data

    for file in [*downloads.glob("*/*.py"), *downloads.glob("*/*.ipynb")]:
        file.write_bytes(filled(file.read_bytes()))
    for file in downloads.glob("*/*.zip"):
        with zipfile.ZipFile(file) as archive:
            members = [(m, filled(archive.read(m))) for m in archive.infolist()]
        with zipfile.ZipFile(file, "w") as archive:
            for member in members:
                archive.writestr(*member)


def _build(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir, "wheel")
    shutil.rmtree(folder, ignore_errors=True)
    # With what is installed, since a build of the site must not need a network.
    project = ProjectBuilder(Path(app.srcdir).parent, runner=quiet_subprocess_runner)
    wheel = Path(project.build("wheel", folder))
    address = app.config.package_wheel
    install_from = address if app.config.published else wheel.as_uri()
    texts = {PLACEHOLDER: f'#   "dejabatch @ {install_from}",\n', address: install_from}
    fill_in(Path(app.outdir, "_downloads"), texts)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the wheel, its address, and what has been published."""
    app.add_config_value("package_wheel", "", "env", str)
    app.add_config_value("published", False, "env", bool)
    app.add_config_value("stable", "", "env", str)
    app.connect("build-finished", _build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
