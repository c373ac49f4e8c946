"""The package itself, to be installed from the site: its wheel lies beside the pages.

A page, its notebook and the package that it speaks of are then always of one version,
and nothing else has to be released for that. The directive ``install-line`` shows how.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build import ProjectBuilder
from docutils import nodes
from pyproject_hooks import quiet_subprocess_runner
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def _build(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir, "wheel")
    shutil.rmtree(folder, ignore_errors=True)
    # With what is installed, since a build of the site must not need a network.
    project = ProjectBuilder(Path(app.srcdir).parent, runner=quiet_subprocess_runner)
    project.build("wheel", folder)
    # Its address is on pages that may be older.
    if not Path(folder, app.config.package_wheel.rpartition("/")[2]).is_file():
        msg = f"{app.config.package_wheel} was not built: install the package again"
        raise ValueError(msg)


class InstallLine(SphinxDirective):
    """The command that installs this site's wheel."""

    def run(self) -> list[nodes.Node]:
        """Return it as a block of shell."""
        line = f"pip install {self.config.package_wheel}"
        return [nodes.literal_block(line, line, language="shell")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the wheel, and the address where it will be."""
    app.add_config_value("package_wheel", "", "env", str)
    app.add_directive("install-line", InstallLine)
    app.connect("build-finished", _build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
