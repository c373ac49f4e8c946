"""The directive ``executed``: run a script of the site and show what it prints."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TIME_LIMIT = 120
NOT_EXECUTED = "Not executed: this page was built without its output."


class Executed(SphinxDirective):
    """Show the output of the script, a path beside the page; its failure is an error.

    From the line on that begins with `fold-at`, it is folded under `fold-title`.
    """

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "fold-at": directives.unchanged_required,
        "fold-title": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Run it when the page is read, so again whenever the script has changed."""
        _, script = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(script)
        if not self.config.sphinx_gallery_conf["plot_gallery"]:
            self.env.note_reread()  # the next build may execute
            return [nodes.paragraph("", "", nodes.strong(text=NOT_EXECUTED))]
        result = subprocess.run(
            [sys.executable, script],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        if result.returncode:
            msg = f"{Path(script).name} failed:\n{result.stderr}"
            raise self.error(msg)
        return self._shown(result.stdout)

    def _shown(self, text: str) -> list[nodes.Node]:
        if "fold-at" not in self.options:
            return [_output(text)]
        first, mark, rest = text.partition(f"\n{self.options['fold-at']}")
        if not mark:
            msg = f"no line begins with {self.options['fold-at']!r}"
            raise self.error(msg)
        summary = html.escape(self.options["fold-title"])
        return [
            _output(first),
            nodes.raw("", f"<details><summary>{summary}</summary>", format="html"),
            _output(mark.lstrip() + rest),
            nodes.raw("", "</details>", format="html"),
        ]


def _output(text: str) -> nodes.Node:
    """Mark it as sphinx-gallery marks what a page prints."""
    text = text.strip()
    block = nodes.literal_block(text, text, language="none")
    return nodes.container("", block, classes=["sphx-glr-script-out"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("executed", Executed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
