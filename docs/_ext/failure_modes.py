"""Put the catalogue on the site: order of pages, lists of records, readers' words.

``.. filled:: <name> [argument]`` shows the template ``_templates/lists/<name>.rst``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from dejabatch.catalogue import FAILURE_MODES, SECTIONS, SIGNS, FailureMode
from dejabatch.finders import found_by

PAGES = {
    f"gallery/{mode.page.removesuffix('.py')}": mode
    for mode in FAILURE_MODES.values()
    if mode.has_page
}
# Slugs by the number of questions that users ask about them, the most first.
DEMAND = Path(__file__).parent.with_name("demand.txt").read_text("utf-8").split()
BY_DEMAND = sorted(
    FAILURE_MODES.values(), key=lambda mode: [*DEMAND, mode.slug].index(mode.slug)
)
# Pages without a record, in reading order.
OTHERS = (
    "plot_where_randomness_comes_from",
    "plot_what_generator_drives",
    "plot_start_methods",
    "plot_persistent_workers",
    "plot_what_ranks_share",
    "plot_the_article",
    "plot_what_people_say",
)


ORDER = [*(Path(page).name for page in PAGES), *OTHERS]


def rank_of(filename: str) -> int:
    """Return the rank of a page's script in its section."""
    if (name := filename.removesuffix(".py")) not in ORDER:
        msg = f"{filename} has no record in dejabatch/catalogue: add one"
        raise ValueError(msg)
    return ORDER.index(name)


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
TEMPLATES.globals |= {"signs": SIGNS, "sections": SECTIONS, "by_demand": BY_DEMAND}


def _pages_using(env: BuildEnvironment, name: str) -> list[str]:
    """Return links to the pages that use an object; a `minigallery` has 400 kB."""
    folder = env.config.sphinx_gallery_conf["backreferences_dir"]
    written = Path(env.srcdir, folder, f"{name}.examples")
    env.note_dependency(written)
    text = written.read_text(encoding="utf-8") if written.is_file() else ""
    return list(dict.fromkeys(re.findall(r":doc:`/.+`", text)))


TEMPLATES.globals |= {"pages_using": _pages_using, "modes": [*FAILURE_MODES.values()]}


class Filled(SphinxDirective):
    """Show what a template of reStructuredText makes of its argument."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the template."""
        name, *argument = self.arguments
        template = TEMPLATES.get_template(f"{name}.rst")
        self.env.note_dependency(template.filename)
        text = template.render(
            argument=next(iter(argument), None), env=self.env, config=self.config
        )
        self.content = StringList(text.splitlines(), source=template.filename)
        return self.parse_content_to_nodes()


def _add_records(_app: Sphinx, config: Config) -> None:
    """Give the records to the templates of pages."""
    config.html_context |= {"pages": PAGES, "modes": BY_DEMAND, "signs": dict(SIGNS)}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the lists, and what is added to pages."""
    app.add_directive("filled", Filled)
    app.connect("config-inited", _add_records)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
