"""Write each page as Markdown, outputs included, for language models and for ``curl``.

``x.html.md`` lies beside ``x.html`` and is made from the HTML, so that outputs, lists of
the catalogue and API texts are in it. ``llms.txt`` lists these files as
https://llmstxt.org proposes, and ``llms-full.txt`` joins them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter
from sphinx.application import Sphinx

# These elements are of use in a browser only.
FURNITURE = ".headerlink, .sphx-glr-footer, .sphx-glr-download-link-note, script, style"


def _language(pre: Tag) -> str:
    block = pre.find_parent("div", class_="notranslate")
    language = next(iter(block["class"])) if block else ""
    language = language.removeprefix("highlight-").lower()
    return "" if language in {"default", "none"} else language


def as_markdown(body: str, url: str) -> str:
    """Convert the article of the page at `url`."""
    # Most elements are the tokens of code, which Markdown does not have.
    article = BeautifulSoup(re.sub(r"</?span[^>]*>", "", body), "html.parser")
    for element in article.select(FURNITURE):
        element.decompose()
    for attribute in ("href", "src"):
        for element in article.select(f"[{attribute}]"):
            element[attribute] = urljoin(url, element[attribute])
    converter = MarkdownConverter(
        heading_style="ATX", bullets="-", code_language_callback=_language
    )
    lines = converter.convert_soup(article).strip().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _url(app: Sphinx, page: str) -> str:
    return urljoin(app.config.html_baseurl, app.builder.get_target_uri(page))


def _file(app: Sphinx, page: str) -> Path:
    return Path(app.outdir, app.builder.get_target_uri(page) + ".md")


def _write_page(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: Any
) -> None:
    if doctree is not None and app.builder.name == "html":
        file, url = _file(app, page), _url(app, page)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = f"{as_markdown(context['body'], url)}\nFrom <{url}>.\n"
        file.write_text(text, encoding="utf-8")
        context["plain_text"] = f"{app.builder.get_target_uri(page)}.md"


def _in_order(app: Sphinx, page: str) -> Iterator[str]:
    yield page
    for below in app.env.toctree_includes.get(page, ()):
        yield from _in_order(app, below)


def _description(app: Sphinx, page: str) -> str:
    """Return the description that search engines get."""
    written = Path(app.builder.get_outfilename(page)).read_text(encoding="utf-8")
    for meta in re.findall(r"<meta\b[^>]*>", written):
        if 'name="description"' in meta:
            return html.unescape(re.search(r'content="([^"]*)"', meta)[1])
    return ""


def _entry(app: Sphinx, page: str) -> str:
    title = app.env.titles[page].astext()
    description = _description(app, page)
    return f"- [{title}]({_url(app, page)}.md): {description}".removesuffix(": ")


def _write_lists(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    root = app.config.root_doc
    summary = f"> {_description(app, root)}"
    lines = [f"# {app.config.project}", "", summary, "", _entry(app, root)]
    for part in app.env.toctree_includes.get(root, ()):
        lines += ["", f"## {app.env.titles[part].astext()}", ""]
        lines += [_entry(app, page) for page in _in_order(app, part)]
    Path(app.outdir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = [_file(app, page).read_text("utf-8") for page in _in_order(app, root)]
    full = Path(app.outdir, "llms-full.txt")
    full.write_text("\n---\n\n".join(texts), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write each page's Markdown with the page, and the lists at the end."""
    app.connect("html-page-context", _write_page)
    app.connect("build-finished", _write_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
