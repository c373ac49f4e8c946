"""The tags at the end of a page lead to the gallery's pages with the same tag.

sphinx-gallery names them there without a link, and gives the list of tags above the
gallery once more in each section of it, always with the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def _link_tags(app: Sphinx, doctree: nodes.document) -> None:
    above = "../" * app.env.docname.count("/")
    for paragraph in doctree.findall(nodes.paragraph):
        if "sphx-glr-example-tags" not in paragraph["classes"]:
            continue
        _, _, tags = paragraph.astext().partition("Tags: ")
        paragraph[:] = [nodes.Text("Tags: ")]
        for i, tag in enumerate(tags.split(", ")):
            address = f"{above}gallery/index.html?sg-tags={quote(tag)}"
            paragraph.append(nodes.Text(", " if i else ""))
            paragraph.append(nodes.reference("", tag, refuri=address))


def _drop_repeated_lists(_app: Sphinx, doctree: nodes.document) -> None:
    lists = [raw for raw in doctree.findall(nodes.raw) if "sg-tag-list" in raw.astext()]
    for repeated in lists[1:]:
        repeated.parent.remove(repeated)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both repairs."""
    app.connect("doctree-read", _link_tags)
    app.connect("doctree-read", _drop_repeated_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
