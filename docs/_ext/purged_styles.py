"""Style sheets without the rules that no page can use, and fonts with the icons in use.

The theme brings all of Bootstrap and thousands of icons. A rule stays if each class, id
and element that its selector names is on some page, or is a word of a script, which may
add it later: what a search finds, an open dropdown, a pressed button. What a selector
has between parentheses or brackets is not looked at, so that a doubtful rule stays.

Sphinx copies the whole sheets and fonts anew in every build, so nothing is lost.
"""

from __future__ import annotations

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
CONDITIONS = ("media", "supports", "layer", "container")
# Private use, which is where fonts have their icons.
ICONS = re.compile("[\ue000-\uf8ff]")


# What there is -----------------------------------------------------------------------


def names_of(html: str) -> set[str]:
    """Return the elements, classes and ids of a page."""
    names = set(re.findall(r"<([a-z][\w-]*)", html))
    for value in re.findall(r'\b(?:class|id)\s*=\s*"([^"]*)"', html):
        names.update(value.split())
    return names


def _used(out: Path, html: list[str]) -> set[str]:
    names = {":root"}.union(*map(names_of, html))
    scripts = {Path(s).name for h in html for s in re.findall(r'src="([^"?]+\.js)', h)}
    for script in out.joinpath("_static").rglob("*.js"):
        if script.name in scripts:
            names.update(re.findall(r"[A-Za-z][\w-]*", script.read_text("utf-8")))
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
                d.serialize() if d.type != "declaration" else
                f"{d.name}:{tinycss2.serialize(d.value).strip()}"
                + ("!important" if d.important else "")
                for d in declarations
                if not (d.type == "declaration" and d.name in drop)
            )
            if body:
                heads = (tinycss2.serialize(s).strip() for s in rule.prelude)
                written.append(f"{','.join(heads)}{{{body}}}")
    return "".join(written)


def purge(sheets: dict[Path, str], used: set[str], scripts: str = "") -> dict[Path, str]:
    """Return style sheets without what a site with the names `used` cannot use."""
    rules = {
        path: list(
            _purged(
                tinycss2.parse_stylesheet(
                    sheet, skip_comments=True, skip_whitespace=True
                ),
                used,
            )
        )
        for path, sheet in sheets.items()
    }
    # Custom properties refer to each other, so that one may go because another did.
    drop: set[str] = set()
    while True:
        purged = {path: _text(kept, drop) for path, kept in rules.items()}
        everything = "".join(purged.values())
        set_here = set(re.findall(r"(?<=[{;])--[\w-]+(?=:)", everything))
        # Icons read theirs through a fallback chain, and scripts may read any.
        asked = set(re.findall(r"(?<=var\()\s*(--[\w-]+)", everything))
        asked |= set(re.findall(r"--[\w-]+", scripts))
        if not (set_here - asked) - drop:
            return purged
        drop |= set_here - asked


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
    html = [page.read_text("utf-8") for page in pages(app)]
    used = _used(Path(app.outdir), html)
    sheets = {path: path.read_text("utf-8") for path in static.rglob("*.css")}
    styled = "".join(re.findall(r'style="[^"]*"|<style.*?</style>', "".join(html), re.S))
    for path, sheet in purge(sheets, used, styled).items():
        path.write_text(sheet, encoding="utf-8")
    everything = "".join(p.read_text("utf-8") for p in static.rglob("*.css"))
    icons = "".join(sorted(set(ICONS.findall(everything))))
    for font in static.rglob("fa-*.woff2"):
        _subset(font, icons)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the purge, after the pages have their last touch."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    app.connect("build-finished", _purge, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
