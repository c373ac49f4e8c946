"""Links from the first lines of a failure mode's page to its fix and to its check.

Whoever knows what it is wants the code, which stands below the picture and the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from descriptions import PAGES
from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SHORTCUTS = {
    "The fix": "the code of the fix",
    "Find it in your code": "a check for yours",
}


def _link_sections(app: Sphinx, doctree: nodes.document) -> None:
    if app.env.docname not in PAGES:
        return
    ids = {
        section.next_node(nodes.title).astext(): section["ids"][0]
        for section in doctree.findall(nodes.section)
    }
    paragraph = nodes.paragraph("", "On this page: ")
    for title, text in SHORTCUTS.items():
        if paragraph.children[1:]:
            paragraph += nodes.Text(", ")
        paragraph += nodes.reference("", text, internal=True, refid=ids[title])
    verdict = doctree.next_node(nodes.bullet_list)  # You see, Because, Do
    verdict.parent.insert(verdict.parent.index(verdict) + 1, paragraph)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the links."""
    app.connect("doctree-read", _link_sections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
