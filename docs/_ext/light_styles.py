"""Write one style sheet with the rules that the pages can use, and fonts of their icons.

The theme brings all of Bootstrap and thousands of icons, 300 kB of the 450 kB of a page.
`layout.html` links the one sheet in place of all others. A rule stays if the pages, or
the scripts that they load, have the classes, ids and elements in the rule's selector.
Parentheses and brackets are not looked at, so that a doubtful rule stays.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tinycss2
from fontTools import subset
from sphinx.application import Sphinx

# Scripts compose these names from parts.
COMPOSED = ("bs-tooltip-", "bs-popover-", "kind-")
# Fonts have their icons in the private use area.
ICON = re.compile("[\ue000-\uf8ff]")
THEME = "_static/styles/pydata-sphinx-theme.css"


def names_of(html: str) -> set[str]:
    """Return the elements, classes and ids of a page."""
    names = set(re.findall(r"(?<=<)[a-z][\w-]*", html))
    for _, value in re.findall(r"""\b(?:class|id)\s*=\s*(["'])(.*?)\1""", html):
        names.update(value.split())
    return names


def _used(static: Path, pages: list[str]) -> set[str]:
    names = set().union(*map(names_of, pages))
    loaded = {Path(s).name for p in pages for s in re.findall(r'src="([^"?]+\.js)', p)}
    for script in static.rglob("*.js"):
        if script.name in loaded:
            names.update(re.findall(r"[A-Za-z][\w-]*", script.read_text("utf-8")))
    return names


def _needs(selector: Iterable[Any]) -> Iterator[str]:
    """Yield the elements, classes and ids without which a selector matches nothing."""
    before = None
    for token in selector:
        if token.type == "hash":
            yield token.value
        elif token.type == "ident" and before != ":":
            yield token.value if before == "." else token.lower_value
        before = token.value if token.type == "literal" else None


def purge(css: Any, used: set[str]) -> str:
    """Return the rules of a style sheet of which all names are used."""
    sheet = ""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    for rule in rules:
        if rule.type == "qualified-rule":
            parts = itertools.groupby(rule.prelude, key=lambda token: token == ",")
            selectors = [list(tokens) for is_comma, tokens in parts if not is_comma]
            kept = [
                tinycss2.serialize(selector).strip()
                for selector in selectors
                if all(n in used or n.startswith(COMPOSED) for n in _needs(selector))
            ]
            if kept:
                body = " ".join(tinycss2.serialize(rule.content).split())
                sheet += f"{','.join(kept)}{{{body}}}"
        elif rule.lower_at_keyword in ("media", "supports", "layer", "container"):
            if inner := purge(rule.content or [], used):
                condition = tinycss2.serialize(rule.prelude)
                sheet += f"@{rule.at_keyword}{condition}{{{inner}}}"
        elif rule.lower_at_keyword != "charset":
            sheet += rule.serialize()
    return sheet


def _subset(font: Path, icons: str) -> None:
    options = subset.Options(flavor="woff2", desubroutinize=True, notdef_outline=True)
    with subset.load_font(str(font), options, lazy=True) as whole:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=icons)
        subsetter.subset(whole)
        subset.save_font(whole, str(font), options)


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    pages = [
        page.read_text(encoding="utf-8")
        for page in Path(app.outdir).rglob("*.html")
        if "_static" not in page.parts
    ]
    linked = sorted(app.builder._css_files, key=lambda sheet: sheet.priority)
    names = ["_static/basic.css", THEME, *(str(sheet.filename) for sheet in linked)]
    sheets = [Path(app.outdir, name) for name in dict.fromkeys(names)]
    css = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    # Until a script has chosen a scheme, and without scripts, the site is light.
    css = css.replace("html:not([data-theme])", "html[data-theme=auto]")
    css = purge(css, _used(static, pages))
    # Beside the theme's sheet, whose addresses of fonts are relative.
    Path(app.outdir, THEME).with_name("site.css").write_text(css, encoding="utf-8")
    icons = "".join(sorted(set(ICON.findall(css))))
    for font in static.rglob("fa-*.woff2"):
        _subset(font, icons)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the purge, after all pages are written."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    app.connect("build-finished", _write, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
