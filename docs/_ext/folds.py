"""Fold what most readers of a page skip, and give its figures captions.

A section shows its first cell. Its later cells fold under their first sentence, sections
that only some pages have fold under their title, and long definitions and outputs fold
under their number of lines. ``<details>`` opens without scripts.
"""

from __future__ import annotations

import ast
import re

from docutils import nodes
from failure_modes import PAGES
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

FOLDED = {"See it happen", "Why", "The fix", "Proof"}
OPEN = {"Find it in your code", "See also"}
OUTPUT_LINES = 8
# Most lines of definitions and of running code. Readers copy the check of `OPEN` sections.
MOST = {False: (4, 6), True: (99, 6)}
MAIN = re.compile(r'^if __name__ == "__main__":$', flags=re.MULTILINE)
Nodes = list[nodes.Node]


def _fold(summary: Nodes, content: Nodes) -> Nodes:
    tags = ("<details><summary>", "</summary>", "</details>")
    start, middle, end = (nodes.raw("", tag, format="html") for tag in tags)
    return [start, nodes.inline("", "", *summary), middle, *content, end]


def _first_sentence(paragraph: nodes.Element) -> tuple[Nodes, Nodes]:
    """Return the first sentence, and what is left of the paragraph."""
    first = []
    for place, child in enumerate(paragraph.children):
        text = child.astext()
        end = re.search(r"\.\s", text) if isinstance(child, nodes.Text) else None
        if end:
            first.append(nodes.Text(text[: end.start() + 1]))
            rest = [nodes.Text(text[end.end() :]), *paragraph.children[place + 1 :]]
            return first, [nodes.paragraph("", "", *rest)]
        # A summary is a control, which must not contain links.
        is_code = isinstance(child, (nodes.literal, pending_xref))
        first.append(nodes.literal("", text) if is_code else nodes.Text(text))
    return first, []


def _cells(content: Nodes) -> list[tuple[Nodes, Nodes]]:
    """Return the text and the rest of each cell: its code, outputs and figures."""
    cells: list[tuple[Nodes, Nodes]] = [([], [])]
    for node in content:
        is_output = isinstance(node, (nodes.literal_block, nodes.image))
        if is_output and node.get("language") in (None, "Python", "none"):
            cells[-1][1].append(node)
        elif not isinstance(node, nodes.comment):
            if cells[-1][1]:
                cells.append(([], []))
            cells[-1][0].append(node)
    return cells


def _copy(block: nodes.literal_block, text: str) -> nodes.Node:
    copy = block.deepcopy()
    copy.rawsource, copy[:] = text, [nodes.Text(text)]
    return copy


def _short_code(block: nodes.literal_block, most: tuple[int, int]) -> Nodes:
    """Fold the definitions of a cell, and what runs, if they have more lines."""
    code, shown = block.astext(), []
    end = found.start() if (found := MAIN.search(code)) else len(code)
    if not re.search("^(def|class) ", code[:end], flags=re.MULTILINE) and found:
        end = 0  # imports belong to what runs
    for text, limit in zip((code[:end].strip(), code[end:].strip()), most, strict=True):
        lines = len([line for line in text.splitlines() if line.strip()])
        part = [_copy(block, text)] if text else []
        if lines > limit:
            named = [getattr(node, "name", None) for node in ast.parse(text).body]
            names = ", ".join(filter(None, named)) or "this result"
            part = _fold([nodes.Text(f"Code of {names}: {lines} lines")], part)
        shown += part
    return shown


def _short_output(block: nodes.literal_block) -> Nodes:
    lines = block.astext().splitlines()
    if len(lines) <= OUTPUT_LINES + 2:
        return [block]
    rest = _copy(block, "\n".join(lines[OUTPUT_LINES:]))
    more = nodes.Text(f"{len(lines) - OUTPUT_LINES} more lines of output")
    return [_copy(block, "\n".join(lines[:OUTPUT_LINES])), *_fold([more], [rest])]


def _shorten(section: nodes.section) -> None:
    title, *content = section.children
    is_open = title.astext() in OPEN
    shown: Nodes = [title]
    for number, (text, rest) in enumerate(_cells(content)):
        images = [node for node in rest if isinstance(node, nodes.image)]
        if number and not is_open and text:
            sentence, left = _first_sentence(text[0])
            if more := [*left, *text[1:], *rest]:
                shown += _fold(sentence, more)
                continue
        shown += text[:-1] if images else text
        if images:  # the text says what to look at
            figure_id = f"figure-{section['ids'][0]}"
            figure = nodes.figure("", images[0].deepcopy(), ids=[figure_id])
            figure += nodes.caption("", "", *text[-1].children)
            rest[rest.index(images[0])] = figure
        for node in rest:
            if not isinstance(node, nodes.literal_block):
                shown.append(node)
            elif "sphx-glr-script-out" in node["classes"]:
                shown += _short_output(node)
            else:
                shown += _short_code(node, MOST[is_open])
    section[:] = shown


def _shorten_page(app: Sphinx, doctree: nodes.document) -> None:
    if app.env.docname not in PAGES:
        return
    for section in list(doctree.findall(nodes.section)):
        if (title := section[0].astext()) in FOLDED | OPEN:
            _shorten(section)
        elif section.parent is not doctree:
            section.replace_self(_fold([nodes.Text(title)], section.children[1:]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the folds."""
    # Before figures get their twins, and before the contents of a page are collected.
    app.connect("doctree-read", _shorten_page, priority=300)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
