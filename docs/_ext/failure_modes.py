"""Put the catalogue on the site: order and description of pages, lists, readers' words.

Each directive in `LISTS` shows records by the template ``_templates/lists/<name>.rst``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

from dejabatch.catalogue import FAILURE_MODES, SECTIONS, SIGNS, FailureMode
from dejabatch.finders import found_by

LISTS = (
    *("symptom-cards", "question-list", "symptom-list", "symptom-table"),
    "failure-mode-list",
)
PAGES = {
    f"gallery/{mode.page.removesuffix('.py')}": mode
    for mode in FAILURE_MODES.values()
    if mode.has_page
}
# Pages without a record, in reading order.
OTHERS = (
    "plot_where_randomness_comes_from.py",
    "plot_what_generator_drives.py",
    "plot_start_methods.py",
    "plot_persistent_workers.py",
    "plot_the_article.py",
    "plot_what_people_say.py",
)


class CatalogueOrder:
    """Sort the pages of a gallery section as in the catalogue, or as in `OTHERS`."""

    def __init__(self, src_dir: str) -> None:
        self.section = Path(src_dir).name

    def __call__(self, filename: str) -> int:
        """Return the rank of a page's script."""
        if self.section not in SECTIONS:
            return OTHERS.index(filename)
        pages = [mode.page for mode in FAILURE_MODES.values()]
        page = f"{self.section}/{filename}"
        if page not in pages:
            msg = f"gallery/{page} has no record in dejabatch/catalogue: add one"
            raise ValueError(msg)
        return pages.index(page)


def _rst(text: str) -> str:
    """Turn the catalogue's single backticks into reStructuredText's code marks."""
    return re.sub(r"`([^`]+)`", r"``\1``", text)


def _link(mode: FailureMode) -> str:
    if mode.has_page:
        return f":doc:`/gallery/{mode.page.removesuffix('.py')}`"
    return f":ref:`{mode.title} <{mode.slug}>`"


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "_templates" / "lists"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"rst": _rst, "link": _link, "found_by": found_by}


class TemplateDirective(SphinxDirective):
    """Show what a template of reStructuredText makes of some values."""

    def parsed(self, template: str, **values: Any) -> list[nodes.Node]:
        """Return the nodes of the template ``lists/<template>.rst``."""
        found = TEMPLATES.get_template(f"{template}.rst")
        self.env.note_dependency(found.filename)
        lines = found.render(**values).splitlines()
        self.content = StringList(lines, source=found.filename)
        return self.parse_content_to_nodes()


class CatalogueList(TemplateDirective):
    """Show records of the catalogue; `symptom-list` has one of `SIGNS` as argument."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list of the directive's name."""
        return self.parsed(
            self.name,
            sign=next(iter(self.arguments), None),
            signs=SIGNS,
            sections=SECTIONS,
            modes=list(FAILURE_MODES.values()),
        )


def _describe(app: Sphinx, doctree: nodes.document, description: str) -> None:
    """Describe a page for search engines and for cards of links."""
    doctree += nodes.meta(name="description", content=description)
    app.env.metadata[app.env.docname]["og:description"] = description


def _introduce(app: Sphinx, doctree: nodes.document) -> None:
    """Describe a page, and link its fix and its check below the summary."""
    if not (mode := PAGES.get(app.env.docname)):
        if content := doctree.next_node(addnodes.desc_content):
            first = " ".join(content.next_node(nodes.paragraph).astext().split())
            title = doctree.next_node(nodes.title).astext()
            text = f"{title}, in the package about PyTorch's DataLoader: {first}"
            _describe(app, doctree, text)
        return
    _describe(app, doctree, f"{mode.symptom} {mode.cause}".replace("`", ""))
    fix = nodes.reference("", "the code of the fix", refid="the-fix")
    check = nodes.reference("", "a check for yours", refid="find-it-in-your-code")
    start, comma = nodes.Text("On this page: "), nodes.Text(", ")
    summary = doctree.next_node(nodes.bullet_list)  # You see, Because, Do
    shortcuts = nodes.paragraph("", "", start, fix, comma, check)
    summary.parent.insert(summary.parent.index(summary) + 1, shortcuts)


def _add_words(_app: Sphinx, config: Config) -> None:
    """Give templates the readers' words: Sphinx's index has only the authors' words.

    `search.js` weighs these words like a title, which `html_meta` keywords are not.
    """
    config.html_context |= {
        "words_of_pages": {page: mode.words for page, mode in PAGES.items()},
        # In the order of the rows of symptom-table.
        "words_of_rows": [
            " ".join([*mode.words, mode.cause, mode.fix]).lower()
            for mode in FAILURE_MODES.values()
        ],
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the lists, and what is added to pages."""
    for name in LISTS:
        app.add_directive(name, CatalogueList)
    app.connect("config-inited", _add_words)
    app.connect("doctree-read", _introduce)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
