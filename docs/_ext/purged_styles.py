"""One style sheet, without the rules that no page can use, and the icons in use.

The theme brings all of Bootstrap and thousands of icons. A rule stays if each class, id
and element that its selector names is on some page, or is a word of a script, which may
add it later: what a search finds, an open dropdown, a pressed button. What a selector
has between parentheses or brackets is not looked at, so that a doubtful rule stays.

All pages have the same sheets, which become one: a browser shows nothing before it has
them all. Sphinx copies the whole ones anew in every build, and the fonts.
"""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from light_pages import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx

# Names that scripts put together from parts.
PUT_TOGETHER = re.compile(r"bs-tooltip-|bs-popover-|kind-")
WORD = re.compile(r"(?:--)?[A-Za-z][\w-]*")
CONDITIONS = ("media", "supports", "layer", "container")
LINK = re.compile(
    r'\s*<link\b[^>]*\bhref="(?P<root>[^"]*?)_static/(?P<sheet>[^"]+?\.css)\b[^>]*>'
)
# Private use, which is where fonts have their icons.
ICONS = re.compile("[\ue000-\uf8ff]")


# What there is -----------------------------------------------------------------------


def names_of(html: str) -> set[str]:
    """Return the elements, classes, ids and custom properties of a page."""
    names = set(re.findall(r"(?<=<)[a-z][\w-]*|(?<![\w-])--[a-z][\w-]*", html))
    for _, value in re.findall(r"""\b(?:class|id)\s*=\s*(["'])(.*?)\1""", html):
        names.update(value.split())
    return names


def _used(static: Path, html: Iterable[str]) -> set[str]:
    names = set().union(*map(names_of, html))
    scripts = {Path(s).name for h in html for s in re.findall(r'src="([^"?]+\.js)', h)}
    for script in static.rglob("*.js"):
        if script.name in scripts:
            names.update(WORD.findall(script.read_text("utf-8")))
    return names


# Rules -------------------------------------------------------------------------------


def _required(selector: Iterable[Any]) -> Iterator[str]:
    """Yield the elements, classes and ids without which a selector matches nothing."""
    before = None
    for token in selector:
        if token.type == "hash":
            yield token.value
        elif token.type == "ident" and before != ":":
            yield token.value if before == "." else token.lower_value
        before = token.value if token.type == "literal" else None


def _split(selectors: Iterable[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    for token in selectors:
        if token == ",":
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _purged(rules: list[Any], used: set[str]) -> Iterator[Any]:
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword in CONDITIONS:
            inner = tinycss2.parse_rule_list(
                rule.content or [], skip_comments=True, skip_whitespace=True
            )
            rule.content = list(_purged(inner, used))
            if rule.content:
                yield rule
        elif rule.type == "qualified-rule":
            kept = [
                selector
                for selector in _split(rule.prelude)
                if all(
                    name in used or PUT_TOGETHER.match(name)
                    for name in _required(selector)
                )
            ]
            if kept:
                rule.prelude = kept
                yield rule
        elif rule.type == "at-rule":
            yield rule


def _text(rules: Iterable[Any], drop: set[str]) -> str:
    """Write rules without comments, spaces and the custom properties to drop."""
    written = []
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword in CONDITIONS:
            head = tinycss2.serialize(rule.prelude).strip()
            written.append(f"@{rule.at_keyword} {head}{{{_text(rule.content, drop)}}}")
        elif rule.type == "at-rule":
            written.append(rule.serialize())
        else:
            declarations = tinycss2.parse_blocks_contents(
                rule.content, skip_comments=True, skip_whitespace=True
            )
            body = ";".join(
                d.serialize()
                if d.type != "declaration"
                else f"{d.name}:{tinycss2.serialize(d.value).strip()}"
                + ("!important" if d.important else "")
                for d in declarations
                if not (d.type == "declaration" and d.name in drop)
            )
            if body:
                heads = (tinycss2.serialize(s).strip() for s in rule.prelude)
                written.append(f"{','.join(heads)}{{{body}}}")
    return "".join(written)


def _rules(sheet: Path) -> Iterator[Any]:
    """Yield the rules of a sheet and, where it imports another, that one's."""
    css = sheet.read_text(encoding="utf-8")
    for rule in tinycss2.parse_stylesheet(
        css, skip_comments=True, skip_whitespace=True
    ):
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            (name,) = (token.value for token in rule.prelude if token.type == "string")
            yield from _rules(sheet.parent / name)
        elif not (rule.type == "at-rule" and rule.lower_at_keyword == "charset"):
            yield rule


def purge(sheets: Iterable[Path], used: set[str]) -> str:
    """Return as one style sheet what can be used of several.

    Parameters
    ----------
    sheets : iterable of Path
        The style sheets in their order.
    used : set of str
        Elements, classes and ids that there are, and custom properties that something
        else than a style sheet may read.

    Returns
    -------
    str
        The style sheet.
    """
    rules = list(_purged([rule for sheet in sheets for rule in _rules(sheet)], used))
    # Custom properties are made of others, which may go when they have gone.
    drop: set[str] = set()
    while True:
        css = _text(rules, drop)
        there = set(re.findall(r"(?<=[{;])--[\w-]+(?=:)", css))
        unread = there - used - set(re.findall(r"(?<=var\()--[\w-]+", css))
        if not unread:
            return css
        drop |= unread


# Fonts -------------------------------------------------------------------------------


def _subset(font: Path, characters: str) -> None:
    options = subset.Options(flavor="woff2", desubroutinize=True, notdef_outline=True)
    with TTFont(font, lazy=True) as whole:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(whole)
        subset.save_font(whole, font, options)


def _purge(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    html = {page: page.read_text(encoding="utf-8") for page in pages(app)}
    # Every build writes this page anew, so its links are still those to all the sheets.
    links = LINK.finditer(html[Path(app.outdir, "search.html")])
    sheets = [static / link["sheet"] for link in links]
    css = purge(sheets, _used(static, html.values()))
    # Beside the theme's, whose addresses of fonts are relative.
    target = static / "styles" / "site.css"
    target.write_text(css, encoding="utf-8")
    version = hashlib.sha256(css.encode()).hexdigest()[:8]
    address = f"{target.relative_to(app.outdir).as_posix()}?v={version}"
    for page, before in html.items():
        root = LINK.search(before)["root"]
        link = f'\n  <link rel="stylesheet" href="{root}{address}" />'
        after = LINK.sub("", LINK.sub(lambda _: "\0", before, count=1))
        after = after.replace("\0", link)
        if after != before:
            page.write_text(after, encoding="utf-8")
    icons = "".join(sorted(set(ICONS.findall(css))))
    for font in static.rglob("fa-*.woff2"):
        _subset(font, icons)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the purge, after the pages have their last touch."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    app.connect("build-finished", _purge, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
