"""Links in notebooks, whose Markdown knows no role of Sphinx.

sphinx-gallery's converter leaves ``:doc:`` and ``:class:`` as they are, and so would
pandoc. Here pages become links to the site, and names of an API become code.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import sphinx_gallery.notebook

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# With one underscore, sphinx-gallery's own converter finds it.
ANONYMOUS_LINK = re.compile(r"(`[^`]+<[^`>]+>`)__")
ROLE = re.compile(r":(?P<role>[a-z]+):`(?P<text>[^`<]+?)(?:\s+<(?P<target>[^`>]+)>)?`")


@functools.cache  # a page is linked from several
def _title(source: Path, page: str) -> str:
    # The gallery lies beside the site; sphinx-gallery copies one script after another.
    script = source.parent / f"{page}.py"
    if script.is_file():
        docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
        return docstring.splitlines()[0]
    markdown = (source / f"{page}.md").read_text(encoding="utf-8")
    return re.search(r"^# (.+)$", markdown, re.MULTILINE)[1]


def _markdown(match: re.Match[str], source: Path, base: str) -> str:
    text, target = " ".join(match["text"].split()), match["target"]
    if match["role"] == "doc":
        page = (target or text).removeprefix("/")
        title = text if target else _title(source, page)
        return f"[{title}]({urljoin(base, page)}.html)"
    return f"`{text.rpartition('.')[2] if text.startswith('~') else text}`"


def _convert_roles(app: Sphinx) -> None:
    convert = sphinx_gallery.notebook.rst2md
    replace = functools.partial(
        _markdown, source=Path(app.srcdir), base=app.config.html_baseurl
    )

    @functools.wraps(convert)
    def rst2md(text: str, *args: Any, **options: Any) -> str:
        text = ANONYMOUS_LINK.sub(r"\1_", text)
        return ROLE.sub(replace, convert(text, *args, **options))

    sphinx_gallery.notebook.rst2md = rst2md


def setup(app: Sphinx) -> dict[str, Any]:
    """Wrap the converter before sphinx-gallery writes the notebooks."""
    app.connect("builder-inited", _convert_roles, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
