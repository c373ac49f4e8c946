"""Show on a page's first screen how its broken code becomes its fixed code.

The diff compares the definitions that only ``broken`` reaches with those that only
``fixed`` reaches. A page may name two others: ``# sphinx_gallery_repair = ["a", "b"]``.
The measured result is the first line ``broken: ...``, and ``fixed: ...``, that it prints.
"""

from __future__ import annotations

import ast
import difflib
import re
import textwrap
from pathlib import Path
from typing import Any

from failure_modes import PAGES, TEMPLATES
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx_gallery.py_source_parser import extract_file_config
from verdicts import measured

LINES = 20
COMMON = {"torch", "Dataset", "DataLoader"}  # readers have imported them
TAG_LIST = ".. raw:: html\n\n  <div id='sg-tag-list' class='sphx-glr-tag-list'></div>"
CELL = "\n.. GENERATED FROM PYTHON SOURCE LINES"
Nodes = dict[str, ast.stmt]


def _definitions(tree: ast.Module) -> tuple[Nodes, dict[str, str]]:
    """Return a page's definitions by name, and the imports of its names."""
    nodes: Nodes = {}
    imports = {}
    for node in tree.body:
        names = [getattr(node, "name", None)]
        if isinstance(node, ast.Assign):
            targets = [n for t in node.targets for n in ast.walk(t)]
            names = [t.id for t in targets if isinstance(t, ast.Name)]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                one = type(node)(**{**vars(node), "names": [alias]})
                imports[alias.asname or alias.name] = ast.unparse(one)
        nodes |= dict.fromkeys(filter(None, names), node)
    return nodes, imports


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _reached(name: str, nodes: Nodes) -> Nodes:
    """Return the definitions that one needs, itself included, in the page's order."""
    found, waiting = set(), {name}
    while waiting:
        found |= waiting
        needed = set().union(*(_names(nodes[name]) for name in waiting))
        waiting = needed & nodes.keys() - found
    return {name: node for name, node in nodes.items() if name in found}


def _text(source: str, node: ast.stmt) -> str:
    start = min(n.lineno for n in [node, *getattr(node, "decorator_list", ())])
    lines = source.splitlines()[start - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines))


def _merged(source: str, base: ast.ClassDef, part: ast.ClassDef) -> str:
    """Return `base` with the methods of its subclass in place of its own."""
    own = {n.name: _text(source, n) for n in part.body if hasattr(n, "name")}
    body = [own.pop(getattr(n, "name", ""), _text(source, n)) for n in base.body]
    head = source.splitlines()[base.lineno - 1]
    return f"{head}\n" + textwrap.indent("\n\n".join([*body, *own.values()]), "    ")


def _one_argument_a_line(text: str) -> str:
    """Spread the calls of DataLoader, so that a diff shows the argument that changes."""
    for call in ast.walk(ast.parse(text)):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "DataLoader":
            indent = re.match(" *", text.splitlines()[call.lineno - 1])[0]
            parts = [ast.get_source_segment(text, a) for a in call.args + call.keywords]
            lines = "".join(f"{indent}    {part},\n" for part in parts)
            call_text = ast.get_source_segment(text, call)
            return text.replace(call_text, f"DataLoader(\n{lines}{indent})")
    return text


def repair(source: str) -> list[str]:
    """Return the lines of the diff from a page's broken to its fixed code."""
    nodes, imports = _definitions(ast.parse(source))
    old, new = extract_file_config(source).get("repair", ("broken", "fixed"))
    before, after = _reached(old, nodes), _reached(new, nodes)
    removed = {name: node for name, node in before.items() if name not in after}
    added = {name: node for name, node in after.items() if name not in before}
    needed = set().union(*map(_names, added.values()))
    known = set().union(COMMON, *map(_names, before.values()))
    new_imports = [imports[name] for name in imports if name in needed - known]
    classes = [n for n, node in removed.items() if isinstance(node, ast.ClassDef)]
    is_loader = isinstance(nodes[old], ast.Assign) or old == "broken"
    names = dict.fromkeys((old, new), "loader") if is_loader else {old: old}
    texts = []
    # A class stands in the diff for the class that it replaces or extends.
    for name, node in sorted(added.items(), key=lambda item: item[1].lineno):
        text = _text(source, node)
        if isinstance(node, ast.ClassDef):
            bases = [b for b in map(ast.unparse, node.bases) if b in before]
            if bases and not classes and "super()" not in text:
                text = _merged(source, before[bases[0]], node)
                removed[bases[0]], names[name] = before[bases[0]], bases[0]
            elif len(classes) == 1:
                names[name] = classes.pop()
        texts.append(text)

    in_order = sorted(removed.values(), key=lambda node: node.lineno)
    both: list[list[str]] = [[_text(source, node) for node in in_order], texts]
    pattern = rf"\b({'|'.join(names)})\b"
    for side in both:
        spread = [_one_argument_a_line(text) for text in dict.fromkeys(side)]
        side[:] = [re.sub(pattern, lambda m: names[m[0]], text) for text in spread]
    old_texts, new_texts = both
    sides = [
        "\n\n".join(text for text in side if text not in other).splitlines()
        for side, other in ((old_texts, new_texts), (new_texts, old_texts))
    ]
    start = [*(f"+{line}" for line in new_imports), *[""][: len(new_imports)]]
    for context in (3, 2, 1):
        diff = list(difflib.unified_diff(*sides, n=context, lineterm=""))[3:]
        diff = start + ["" if line.startswith("@@") else line for line in diff]
        if len(diff) <= LINES:
            break
    return diff


def _add_first_screen(app: Sphinx, page: str, text: list[str]) -> None:
    """Insert the template ``first-screen`` below a page's three lines."""
    # sphinx-gallery repeats the list of all tags, and its id, in each section.
    start, tag_list, rest = text[0].partition(TAG_LIST)
    text[0] = start + tag_list + rest.replace(TAG_LIST, "")
    if not (tags := re.search(r"^   🏷 Tags: (.+)$", text[0], flags=re.MULTILINE)):
        return
    text[0] = text[0].replace(tags[0], "")
    results, diff = measured(text[0]), []
    if page in PAGES:
        diff = repair(Path(app.srcdir, f"{page}.py").read_text(encoding="utf-8"))
        executed = ".. rst-class:: sphx-glr-script-out" in text[0]
        if not 0 < len(diff) <= LINES or (executed and len(results) < 2):
            msg = f"{page}: the diff has {len(diff)} lines; the page prints {results}"
            raise ExtensionError(msg)
    values = {"page": page, "mode": PAGES.get(page), "diff": diff, "measured": results}
    values |= {"tags": tags[1].split(", "), "config": app.config}
    screen = TEMPLATES.get_template("first-screen.rst").render(values)
    text[0] = text[0].replace(CELL, f"\n{screen}{CELL}", 1)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the first screen."""
    app.connect("source-read", _add_first_screen)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
