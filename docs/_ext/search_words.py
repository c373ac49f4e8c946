"""Each failure mode's words on the search page, whose ``_static/search.js`` ranks by them.

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
}


def _add_words(app: Sphinx, page: str, *_: Any) -> None:
    if page == "search":
        app.add_js_file(None, body=f"const READERS_WORDS = {json.dumps(WORDS)};")


def setup(app: Sphinx) -> dict[str, Any]:
    """Give the search page the words."""
    app.connect("html-page-context", _add_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
