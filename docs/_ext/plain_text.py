"""Write each page as Markdown, outputs included, for language models and for ``curl``.

``x.html.md`` lies beside ``x.html`` and is made from the HTML, so that outputs, lists of
the catalogue and API texts are in it. ``llms.txt`` lists these files as
https://llmstxt.org proposes, and ``llms-full.txt`` joins them. Notebooks are Markdown,
too: sphinx-gallery's converter leaves the roles and some links of reStructuredText.
"""

from __future__ import annotations

import functools
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import sphinx_gallery.notebook
from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter
from sphinx.application import Sphinx

# These elements are of use in a browser only.
FURNITURE = (
    "button, .headerlink, .sphx-glr-footer, .sphx-glr-download-link-note, script, style"
)

# sphinx-gallery's converter to Markdown knows links that end in one underscore.
ANONYMOUS_LINK = re.compile(r"(`[^`]+<[^`>]+>`)__")
ROLE = re.compile(r":(?P<role>[a-z]+):`(?P<text>[^`<]+?)(?:\s+<(?P<target>[^`>]+)>)?`")


def _markdown(match: re.Match[str], base: str) -> str:
    text, target = " ".join(match["text"].split()), match["target"]
    if match["role"] == "doc":
        page = (target or text).removeprefix("/")
        title = text if target else page.rpartition("/")[2]
        return f"[{title}]({urljoin(base, page)}.html)"
    return f"`{text.rpartition('.')[2] if text.startswith('~') else text}`"


def _convert_roles(app: Sphinx) -> None:
    """Turn roles into Markdown: pages become links to the site, names become code."""
    convert = sphinx_gallery.notebook.rst2md
    replace = functools.partial(_markdown, base=app.config.html_baseurl)

    @functools.wraps(convert)
    def rst2md(text: str, *args: Any, **options: Any) -> str:
        text = ANONYMOUS_LINK.sub(r"\1_", text)
        return ROLE.sub(replace, convert(text, *args, **options))

    sphinx_gallery.notebook.rst2md = rst2md


def _language(pre: Tag) -> str:
    block = pre.find_parent("div", class_="notranslate")
    found = re.search(r"highlight-(\w+)", " ".join(block["class"]) if block else "")
    language = found[1].lower() if found else ""
    return "" if language in {"default", "none"} else language


def as_markdown(body: str, url: str) -> str:
    """Convert the article of the page at `url`."""
    # Most elements are the tokens of code, which Markdown does not have.
    article = BeautifulSoup(re.sub(r"</?span[^>]*>", "", body), "html.parser")
    for element in article.select(FURNITURE):
        element.decompose()
    for summary in article.select("summary"):
        summary.name = "p"
    for attribute in ("href", "src"):
        for element in article.select(f"[{attribute}]"):
            element[attribute] = urljoin(url, element[attribute])
    converter = MarkdownConverter(
        heading_style="ATX", bullets="-", code_language_callback=_language
    )
    lines = converter.convert_soup(article).strip().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _write_page(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: Any
) -> None:
    if doctree is not None and app.builder.name == "html":
        context["plain_text"] = f"{page}.html.md"
        file = Path(app.outdir, context["plain_text"])
        file.parent.mkdir(parents=True, exist_ok=True)
        url = urljoin(app.config.html_baseurl, f"{page}.html")
        text = f"{as_markdown(context['body'], url)}\nFrom <{url}>.\n"
        file.write_text(text, encoding="utf-8")


def _description(app: Sphinx, page: str) -> str:
    """Return the description that search engines get."""
    html = Path(app.outdir, f"{page}.html").read_text("utf-8")
    found = re.search(r'<meta (?=[^>]*name="description")[^>]*content="([^"]*)"', html)
    return unescape(found[1]) if found else ""


def _write_lists(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    relations = app.builder.relations  # in the order of the site
    root = app.config.root_doc
    lines = [f"# {app.config.project}", "", f"> {_description(app, root)}", ""]
    for page, (above, _, _) in relations.items():
        title = app.env.titles[page].astext()
        if above == root:
            lines += ["", f"## {title}", ""]
        entry = f"- [{title}]({urljoin(app.config.html_baseurl, page)}.html.md)"
        lines.append(f"{entry}: {_description(app, page)}".removesuffix(": "))
    Path(app.outdir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = [Path(app.outdir, f"{page}.html.md") for page in relations]
    full = "\n---\n\n".join(file.read_text(encoding="utf-8") for file in files)
    Path(app.outdir, "llms-full.txt").write_text(full, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write each page's Markdown with the page, and the lists at the end."""
    # Before sphinx-gallery writes the notebooks.
    app.connect("builder-inited", _convert_roles, priority=1)
    app.connect("html-page-context", _write_page)
    app.connect("build-finished", _write_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
