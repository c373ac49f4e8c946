"""Each failure mode's words, for the search and for the filter of symptoms.

They are on the search page, whose ``_static/search.js`` ranks by them, and on the symptoms
page, where ``_static/filter.js`` finds rows by them.

Sphinx's search knows a page's text and its headings, which are the author's words; these
are the reader's. They are no index entries: Sphinx's index of a build in which only some
pages changed has those of the changed pages alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dejabatch.catalogue import FAILURE_MODES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WORDS = {
    f"gallery/{mode.page.removesuffix('.py')}": mode.words
    for mode in FAILURE_MODES.values()
    if mode.has_page
}
# In the order of the table's rows.
ROWS = [
    " ".join([*mode.words, mode.cause, mode.fix]).lower()
    for mode in FAILURE_MODES.values()
]


def _add_words(app: Sphinx, page: str, *_: Any) -> None:
    if page == "search":
        app.add_js_file(None, body=f"const READERS_WORDS = {json.dumps(WORDS)};")
    if page == "symptoms/index":
        app.add_js_file(None, body=f"const WORDS_OF_ROWS = {json.dumps(ROWS)};")


def setup(app: Sphinx) -> dict[str, Any]:
    """Give both pages the words."""
    app.connect("html-page-context", _add_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
