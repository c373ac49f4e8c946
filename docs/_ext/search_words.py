"""Each failure mode's words in the index, where the search looks for them.

Sphinx's search knows a page's text, its headings and its index entries. The first two
are the author's words; the entries are a reader's. ``_static/search.js`` ranks by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from dejabatch.catalogue import FAILURE_MODES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WORDS = {
    f"gallery/{mode.page.removesuffix('.py')}": mode.words
    for mode in FAILURE_MODES.values()
}


class IndexEntries(SphinxTransform):
    """Give a failure mode's page one index entry for each of its `words`."""

    # Before the index domain collects the entries, at 850.
    default_priority = 800

    def apply(self, **_kwargs: Any) -> None:
        """Insert entries that lead to the top of the page."""
        entries = [
            ("single", words, "", "", None)
            for words in WORDS.get(self.env.current_document.docname, ())
        ]
        if entries:
            self.document.insert(0, addnodes.index(entries=entries))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_transform(IndexEntries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
