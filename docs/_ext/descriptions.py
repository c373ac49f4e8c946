"""What search engines, and cards of links to a page, say about it.

A page of a failure mode is described by what the catalogue says that one sees, and why.
Other pages have a description of their own, under ``html_meta`` at their top. Pages that
are generated have no place for one: there it is the first paragraph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes

from dejabatch.catalogue import FAILURE_MODES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = {
    f"gallery/{mode.page.removesuffix('.py')}": mode for mode in FAILURE_MODES.values()
}


def _written(doctree: nodes.document) -> str | None:
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            return meta["content"]
    return None


def _first_paragraph(doctree: nodes.document) -> str | None:
    about = ""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, addnodes.desc_content):
            title = doctree.next_node(nodes.title).astext()
            about = f"{title}, in the Python package about PyTorch's DataLoader: "
        elif not isinstance(paragraph.parent, nodes.section):
            continue
        return about + " ".join(paragraph.astext().split())
    return None


def _describe(app: Sphinx, doctree: nodes.document) -> None:
    page = app.env.docname
    description = _written(doctree)
    if description is None:
        if page in PAGES:
            description = f"{PAGES[page].symptom} {PAGES[page].cause}".replace("`", "")
        else:
            description = _first_paragraph(doctree)
        if not description:
            return
        doctree += nodes.meta(name="description", content=description)
    # The cards' own field, which would otherwise be the page's first words.
    app.env.metadata[page]["og:description"] = description


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the descriptions."""
    app.connect("doctree-read", _describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
