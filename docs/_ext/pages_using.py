"""A directive that lists the gallery's pages that use an object of the package.

sphinx-gallery writes down which pages use which objects. Its own directive shows them with
their pictures, of which `dejabatch.audit` has megabytes; ``pages-using`` shows links.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils.statemachine import StringList
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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("pages-using", PagesUsing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
