"""Links that sphinx-gallery lacks: from tags, from notebooks, and from the API's pages."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import sphinx_gallery.notebook
from docutils import nodes
from failure_modes import TemplateDirective
from sphinx.application import Sphinx

TAG_LIST = ".. raw:: html\n\n  <div id='sg-tag-list' class='sphx-glr-tag-list'></div>"


def _link_tags(_app: Sphinx, page: str, text: list[str]) -> None:
    """Link a page's tags to the gallery's pages with the same tag, and list tags once.

    sphinx-gallery repeats the list of all tags, and its id, in each section.
    """
    gallery = "../" * page.count("/") + "gallery/index.html"

    def linked(match: re.Match[str]) -> str:
        tags = match[1].split(", ")
        links = [f"`{tag} <{gallery}?sg-tags={quote(tag)}>`__" for tag in tags]
        return f"Tags: {', '.join(links)}"

    text[0] = re.sub(r"(?<=^   )🏷 Tags: (.+)$", linked, text[0], flags=re.MULTILINE)
    start, tag_list, rest = text[0].partition(TAG_LIST)
    text[0] = start + tag_list + rest.replace(TAG_LIST, "")


# sphinx-gallery's converter to Markdown knows links that end in one underscore.
ANONYMOUS_LINK = re.compile(r"(`[^`]+<[^`>]+>`)__")
ROLE = re.compile(r":(?P<role>[a-z]+):`(?P<text>[^`<]+?)(?:\s+<(?P<target>[^`>]+)>)?`")


@functools.cache  # several pages link to one
def _title(source: Path, page: str) -> str:
    # sphinx-gallery may not have copied the script yet, so read the original.
    script = source.parent / f"{page}.py"
    if script.is_file():
        return re.search(r"^(.+)\n=+$", script.read_text("utf-8"), re.MULTILINE)[1]
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
    """Turn roles into Markdown: pages become links to the site, names become code."""
    convert = sphinx_gallery.notebook.rst2md
    base = app.config.html_baseurl
    replace = functools.partial(_markdown, source=Path(app.srcdir), base=base)

    @functools.wraps(convert)
    def rst2md(text: str, *args: Any, **options: Any) -> str:
        text = ANONYMOUS_LINK.sub(r"\1_", text)
        return ROLE.sub(replace, convert(text, *args, **options))

    sphinx_gallery.notebook.rst2md = rst2md


class PagesUsing(TemplateDirective):
    """List the pages that use an object; nothing if there are none.

    sphinx-gallery's `minigallery` has pictures: 400 kB on the page of `audit`.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a heading and the list."""
        folder = self.config.sphinx_gallery_conf["backreferences_dir"]
        written = Path(self.env.srcdir, folder, f"{self.arguments[0]}.examples")
        self.env.note_dependency(written)
        text = written.read_text(encoding="utf-8") if written.is_file() else ""
        pages = dict.fromkeys(re.findall(r":doc:`/.+`", text))
        return self.parsed("pages-using", pages=pages)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the links."""
    app.add_directive("pages-using", PagesUsing)
    # Before sphinx-gallery writes the notebooks.
    app.connect("builder-inited", _convert_roles, priority=1)
    app.connect("source-read", _link_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
