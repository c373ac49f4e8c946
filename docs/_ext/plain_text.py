"""The site as plain text, outputs included: for language models, and for ``curl``.

Beside each page ``x.html`` lies ``x.html.md``, made from the HTML, so that nothing a
reader sees is missing. ``llms.txt`` lists them as https://llmstxt.org proposes, and
``llms-full.txt`` is all of them one after the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bs4 import Tag
    from docutils import nodes
    from sphinx.application import Sphinx

# What is of use on a page in a browser only.
FURNITURE = ".headerlink, .sphx-glr-footer, .sphx-glr-download-link-note, script, style"


def _language(pre: Tag) -> str:
    block = pre.find_parent("div", class_="notranslate")
    language = next(iter(block["class"])) if block else ""
    language = language.removeprefix("highlight-").lower()
    return "" if language in {"default", "none"} else language


def as_markdown(html: str, url: str) -> str:
    """Convert the article of the page at `url`."""
    article = BeautifulSoup(html, "html.parser")
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
    app: Sphinx,
    pagename: str,
    _template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    if doctree is not None and app.builder.name == "html":
        file, url = _file(app, pagename), _url(app, pagename)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = f"{as_markdown(context['body'], url)}\nFrom <{url}>.\n"
        file.write_text(text, encoding="utf-8")
        context["plain_text"] = f"{app.builder.get_target_uri(pagename)}.md"


def _in_order(app: Sphinx, page: str) -> Iterator[str]:
    yield page
    for below in app.env.toctree_includes.get(page, ()):
        yield from _in_order(app, below)


def _entry(app: Sphinx, page: str) -> str:
    title = app.env.titles[page].astext()
    description = app.env.metadata[page].get("og:description", "")
    return f"- [{title}]({_url(app, page)}.md): {description}".removesuffix(": ")


def _write_lists(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    root = app.config.root_doc
    summary = app.env.metadata[root].get("og:description", "")
    lines = [f"# {app.config.project}", "", f"> {summary}", "", _entry(app, root)]
    for part in app.env.toctree_includes.get(root, ()):
        lines += ["", f"## {app.env.titles[part].astext()}", ""]
        lines += [_entry(app, page) for page in _in_order(app, part)]
    Path(app.outdir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = [_file(app, page).read_text("utf-8") for page in _in_order(app, root)]
    full = Path(app.outdir, "llms-full.txt")
    full.write_text("\n---\n\n".join(texts), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the plain text beside each page, and the lists of it."""
    app.connect("html-page-context", _write_page)
    app.connect("build-finished", _write_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
