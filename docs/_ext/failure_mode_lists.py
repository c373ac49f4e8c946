"""The catalogue's failure modes on the site: lists of them, and the order of the pages.

The directive ``symptom-cards`` has the questions with links to the pages that answer them,
``question-list`` the questions alone, ``symptom-list`` the pages of one question, and
``symptom-table`` all of them in a table. ``failure-mode-list`` gives the whole records.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from dejabatch.catalogue import FAILURE_MODES, SECTIONS, SIGNS, FailureMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx


# Pages without a record, in the order in which a reader of all of them would take them.
OTHERS = (
    "plot_where_randomness_comes_from.py",
    "plot_what_generator_drives.py",
    "plot_start_methods.py",
    "plot_persistent_workers.py",
    "plot_the_article.py",
    "plot_what_people_say.py",
)


def _rst(text: str) -> str:
    """Turn the catalogue's single backticks into reStructuredText's code marks."""
    return re.sub(r"`([^`]+)`", r"``\1``", text)


def _link(mode: FailureMode) -> str:
    if not mode.has_page:
        return f":ref:`{mode.title} <{mode.slug}>`"
    return f":doc:`{mode.title} </gallery/{mode.page.removesuffix('.py')}>`"


def _question(sign: str) -> str:
    return f":ref:`{SIGNS[sign]} <sign-{sign}>`"


class CatalogueOrder:
    """Sort the pages of a gallery section as the catalogue has them, or as `OTHERS` has."""

    def __init__(self, src_dir: str) -> None:
        self.section = Path(src_dir).name

    def __call__(self, filename: str) -> int:
        """Return what to sort a page's script by."""
        if self.section not in SECTIONS:
            return OTHERS.index(filename)
        pages = [mode.page for mode in FAILURE_MODES.values()]
        page = f"{self.section}/{filename}"
        if page not in pages:
            msg = f"gallery/{page} has no record in dejabatch/catalogue: add one"
            raise ValueError(msg)
        return pages.index(page)


class _CatalogueList(SphinxDirective):
    """Lines of reStructuredText for each section and each failure mode in it."""

    def _lines_of(self, mode: FailureMode) -> Iterator[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        return self._parsed(self._lines())

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for section, title in SECTIONS.items():
            modes = [m for m in FAILURE_MODES.values() if m.section == section]
            entries = [line for m in modes for line in [*self._lines_of(m), ""]]
            if any(entries):
                lines += [f"**{title}**", "", *entries]
        return lines

    def _parsed(self, lines: list[str]) -> list[nodes.Node]:
        self.content = StringList(lines, source="dejabatch.catalogue")
        return self.parse_content_to_nodes()


class SymptomList(_CatalogueList):
    """Failure modes that show one of `SIGNS` as links to their pages, with their symptoms.

    Those first of which it is the clearest sign, and at the end the next question.
    """

    required_arguments = 1

    def _lines(self) -> list[str]:
        (sign,) = self.arguments
        if sign not in SIGNS:
            msg = f"symptom-list: {sign} is not one of {', '.join(SIGNS)}"
            raise self.error(msg)
        modes = [mode for mode in FAILURE_MODES.values() if sign in mode.seen]
        modes.sort(key=lambda mode: mode.seen.index(sign))
        lines = [line for mode in modes for line in [*self._lines_of(mode), ""]]
        following = list(SIGNS)[list(SIGNS).index(sign) + 1 :]
        where = _question(following[0]) if following else ":ref:`sign-none`"
        return ["**Yes:** it is one of these.", "", *lines, f"**No:** {where}"]

    def _lines_of(self, mode: FailureMode) -> Iterator[str]:
        yield f"{_link(mode)}"
        yield f"   {_rst(mode.symptom)}"


class QuestionList(_CatalogueList):
    """The questions of `SIGNS`, each a link to its section of the symptoms page."""

    def _lines(self) -> list[str]:
        return [*(f"#. {_question(sign)}" for sign in SIGNS), "#. :ref:`sign-none`"]


class SymptomCards(_CatalogueList):
    """Each question of `SIGNS` with the pages of which it is the clearest sign."""

    def _lines(self) -> list[str]:
        lines = [".. container:: signs", ""]
        for sign in SIGNS:
            links = [
                f"      * {_link(mode)}"
                for mode in FAILURE_MODES.values()
                if mode.seen[0] == sign
            ]
            heading = [
                f"      .. rubric:: {_question(sign)}",
                "         :heading-level: 3",
            ]
            lines += ["   .. container:: sign", "", *heading, "", *links, ""]
        none = "   .. container:: sign"
        heading = ["      .. rubric:: :ref:`sign-none`", "         :heading-level: 3"]
        where = "      Before it, on the way to the GPU, in the model, or in what you look at."
        return [*lines, none, "", *heading, "", where]


class SymptomTable(_CatalogueList):
    """Every failure mode as a row: symptom, page, and what finds it."""

    def _lines(self) -> list[str]:
        rows = [
            ".. list-table::",
            "   :class: filterable",
            "   :header-rows: 1",
            "   :widths: 50 38 12",
            "",
            "   * - You see",
            "     - Page",
            "     - Found by",
        ]
        for mode in FAILURE_MODES.values():
            rows += [
                f"   * - {_rst(mode.symptom)}",
                f"     - {_link(mode)}",
                f"     - {mode.detected_by or 'no tool'}",
            ]
        return rows


class FailureModeList(_CatalogueList):
    """Every record of the catalogue."""

    def _lines_of(self, mode: FailureMode) -> Iterator[str]:
        yield f".. _{mode.slug}:"
        yield ""
        yield _link(mode) if mode.has_page else mode.title
        yield f"   :Name: ``{mode.slug}``"
        yield f"   :You see: {_rst(mode.symptom)}"
        yield f"   :Because: {_rst(mode.cause)}"
        yield f"   :Do: {_rst(mode.fix)}"
        if mode.since or mode.until:
            first = f"since {mode.since}" if mode.since else "from the beginning"
            last = f"fixed in {mode.until}" if mode.until else "still there"
            yield f"   :Versions: {first}, {last}"
        found = mode.detected_by or f"no: {mode.undetected_because}"
        yield f"   :Detected: {found}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("symptom-list", SymptomList)
    app.add_directive("question-list", QuestionList)
    app.add_directive("symptom-cards", SymptomCards)
    app.add_directive("symptom-table", SymptomTable)
    app.add_directive("failure-mode-list", FailureModeList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
