"""What the API's pages need besides autodoc: links to the gallery, constants' texts.

sphinx-gallery writes down which pages use which objects. Its own directive shows them with
their pictures, of which `dejabatch.audit` has megabytes; ``pages-using`` shows links.

autodoc finds the text below a constant in the module that defines it, and not under the
shorter name by which the package exports it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils.statemachine import StringList
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


class PagesUsing(SphinxDirective):
    """Links to the pages that use an object; nothing if there are none."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a heading and the list."""
        (name,) = self.arguments
        folder = self.config.sphinx_gallery_conf["backreferences_dir"]
        written = Path(self.env.srcdir, folder, f"{name}.examples")
        self.env.note_dependency(written)
        if not written.is_file():
            return []
        pages = re.findall(r":doc:`(/.+)`", written.read_text(encoding="utf-8"))
        if not pages:
            return []
        links = [f"* :doc:`{page}`" for page in dict.fromkeys(pages)]
        lines = [".. rubric:: Pages that use it", "   :heading-level: 2", "", *links]
        self.content = StringList(lines, source=str(written))
        return self.parse_content_to_nodes()


def _constant_text(
    _app: Sphinx,
    kind: str,
    name: str,
    _value: object,
    _options: object,
    lines: list[str],
) -> None:
    """Take a constant's text from whichever of the package's modules defines it."""
    package, _, constant = name.rpartition(".")
    if kind != "data":
        return
    for module in [one for one in sys.modules if one.startswith(f"{package}.")]:
        texts = ModuleAnalyzer.for_module(module).find_attr_docs()
        if text := texts.get(("", constant)):
            lines[:] = text


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the handler."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_directive("pages-using", PagesUsing)
    app.connect("autodoc-process-docstring", _constant_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
