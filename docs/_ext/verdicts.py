"""What the build's pages measured: what the package said of their loaders, and of claims.

While a page runs, each call of `audit`, `compare` and `lint_paths` is noted with its
answer, and so is the page's dictionary ``VERDICTS``, if it has one. The notes of a page lie
beside its outputs and live as long. The directive ``verdicts`` shows them, and
``evidence/verdicts.json`` holds them for programs. Nothing here is written by hand.
"""

from __future__ import annotations

import ast
import datetime
import functools
import html
import importlib
import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_environment import stamp
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx_gallery.gen_rst import md5sum_is_current

from dejabatch.catalogue import FAILURE_MODES, SECTIONS
from dejabatch.home import SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sphinx.application import Sphinx
    from sphinx.config import Config

SCHEMA = 1
"""Counts the changes of verdicts.json that its readers must know of."""
FILE = "evidence/verdicts.json"
TOOLS = {
    "audit": ("dejabatch", "audit"),
    "compare": ("dejabatch", "compare"),
    "lint": ("dejabatch.lint", "lint_paths"),
}

# Noting what a page's calls answer ---------------------------------------------------

_originals: dict[str, Callable[..., Any]] = {}
_notes: dict[str, Any] = {}
_page: Path | None = None


def _loader_name(arguments: tuple[Any, ...]) -> str | None:
    """Return which of its loaders a page has passed; sphinx-gallery runs it as main."""
    main = vars(sys.modules["__main__"])
    for name in ("broken", "fixed"):
        if name in main and arguments in ((main[name],), main[name]):
            return name
    return None


def _findings(answer: Any) -> list[dict[str, str]]:
    if isinstance(answer, list):  # lint's, which are places in the page's own script
        return [{"slug": p.slug, "where": f"line {p.line}"} for p in answer]
    return [asdict(finding) for finding in answer.findings]


def _noting(tool: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def noting(*arguments: Any, **options: Any) -> Any:
        answer = function(*arguments, **options)
        expect = options.get("expect")
        _notes["said"].append(
            {
                "tool": tool,
                "of": "script" if tool == "lint" else _loader_name(arguments),
                "expect": None if expect is None else repr(expect),
                "findings": _findings(answer),
            }
        )
        return answer

    return noting


def reset(_gallery_conf: dict[str, Any], fname: str | None, when: str) -> None:
    """Begin to note what a page does, or write what was noted; for ``reset_modules``."""
    global _page  # noqa: PLW0603 - sphinx-gallery calls functions and knows no object
    if fname is None:  # sphinx-gallery enters a folder
        return
    if when == "before":
        _page = None
        _notes.update(said=[], claims={})
        for tool, (module, name) in TOOLS.items():
            owner = importlib.import_module(module)
            _originals[tool] = getattr(owner, name)
            setattr(owner, name, _noting(tool, _originals[tool]))
        return
    for tool, (module, name) in TOOLS.items():
        setattr(importlib.import_module(module), name, _originals[tool])
    if _page is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        content = json.dumps({"measured": today, **_notes})
        _notes_of(_page).write_text(content, encoding="utf-8")


def scrape(_block: Any, block_vars: dict[str, Any], _gallery_conf: Any) -> str:
    """Look at a page's names after each of its cells; for ``image_scrapers``."""
    global _page  # noqa: PLW0603
    _page = Path(block_vars["target_file"])
    _notes["claims"].update(block_vars["example_globals"].get("VERDICTS", {}))
    return ""


def _notes_of(script: Path) -> Path:
    return script.with_suffix(".verdict.json")


# Putting the pages' notes together ---------------------------------------------------


def _state(script: Path, source: Path, config: Config) -> str:
    if str(source) in config.sphinx_gallery_conf.get("failing_examples", {}):
        return "failed"
    # sphinx-gallery writes the hash of a script when it has executed it without error.
    executed = script.is_file() and md5sum_is_current(script, mode="t")
    return "executed" if executed and _notes_of(script).is_file() else "not executed"


def _page_record(script: Path, source: Path, config: Config) -> dict[str, Any]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    section = source.parent.name
    page = f"{section}/{source.name}"
    mode = next((m for m in FAILURE_MODES.values() if m.page == page), None)
    state = _state(script, source, config)
    notes = {"measured": None, "said": [], "claims": {}}
    if state == "executed":
        notes = json.loads(_notes_of(script).read_text(encoding="utf-8"))
    return {
        "slug": None if mode is None else mode.slug,
        "title": (ast.get_docstring(tree) or source.stem).splitlines()[0],
        "section": section,
        "url": f"{SITE}gallery/{page.removesuffix('.py')}.html",
        "detected_by": None if mode is None else mode.detected_by,
        "undetected_because": None if mode is None else mode.undetected_because,
        "state": state,
        "asserts": sum(isinstance(node, ast.Assert) for node in ast.walk(tree)),
        **notes,
    }


def _environment() -> dict[str, str]:
    found = stamp()
    return {
        "torch": found.pop("torch"),
        "torchvision": version("torchvision"),
        **found,
        "dejabatch": version("dejabatch"),
    }


def collect(srcdir: Path, config: Config) -> dict[str, Any]:
    """Return the content of verdicts.json."""
    gallery = Path(srcdir, config.sphinx_gallery_conf["gallery_dirs"])
    sources = Path(srcdir, config.sphinx_gallery_conf["examples_dirs"]).resolve()
    pages = [
        _page_record(gallery / source.relative_to(sources), source, config)
        for source in sorted(sources.glob("*/plot_*.py"))
    ]
    order = list(FAILURE_MODES)
    pages.sort(key=lambda p: (p["section"], order.index(p["slug"]) if p["slug"] else 0))
    built = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    environment = _environment()
    return {
        "schema": SCHEMA,
        "site": SITE,
        "built": built,
        "environment": environment,
        "pages": pages,
    }


def named(page: dict[str, Any]) -> dict[str, Any] | None:
    """Return the finding by which the page's broken loader was named, with its call."""
    for call in page["said"]:
        for finding in call["findings"]:
            if call["of"] in ("broken", "script") and finding["slug"] == page["slug"]:
                return {**call, **finding}
    return None


def wrong(page: dict[str, Any]) -> list[str]:
    """Return what was said of the fixed loader, or by lint of the rest of a script."""
    return [
        finding["slug"]
        for call in page["said"]
        for finding in call["findings"]
        if (call["of"] == "fixed" and finding["severity"] != "note")
        or (call["of"] == "script" and finding["slug"] != page["slug"])
    ]


def judged(page: dict[str, Any]) -> bool:
    """Whether the page's fixed loader, or its whole script, was looked at."""
    return any(call["of"] in ("fixed", "script") for call in page["said"])


# Showing them ------------------------------------------------------------------------


def _table(columns: dict[str, int], rows: list[list[str]]) -> Iterator[str]:
    yield ".. list-table::"
    yield "   :class: verdicts"
    yield "   :header-rows: 1"
    yield f"   :widths: {' '.join(map(str, columns.values()))}"
    yield ""
    for row in [list(columns), *rows]:
        for i, cell in enumerate(row):
            yield f"   {'* -' if i == 0 else '  -'} {cell}"
    yield ""


def _link(page: dict[str, Any]) -> str:
    address = page["url"].removeprefix(SITE).removesuffix(".html")
    return f":doc:`{page['title']} </{address}>`"


def _row(page: dict[str, Any]) -> list[str]:
    if page["state"] != "executed":
        return [_link(page), *[page["state"]] * 3]
    asserts = str(page["asserts"])
    if page["detected_by"] is None:
        return [_link(page), "no tool sees it" if page["slug"] else "", "", asserts]
    finding = named(page)
    of_broken = "**not named**"
    if finding is not None:
        told = ", told what to expect" if finding["expect"] else ""
        of_broken = f"{finding['tool']}{told}: named, ``{finding['where']}``"
    of_fixed = ", ".join(wrong(page)) or ("silent" if judged(page) else "not looked at")
    return [_link(page), of_broken, of_fixed, asserts]


def _show_environment(content: dict[str, Any]) -> Iterator[str]:
    yield from (f":{name}: {value}" for name, value in content["environment"].items())
    yield f":date: {content['built']}"


def _show_summary(content: dict[str, Any]) -> Iterator[str]:
    pages = content["pages"]
    executed = [page for page in pages if page["state"] == "executed"]
    yield f"* {len(executed)} of {len(pages)} pages were executed."
    if not executed:
        yield "* **This build has no verdicts.**"
        return
    asserts = sum(page["asserts"] for page in executed)
    yield f"* They have {asserts} asserts. One that fails fails the build."
    for tool in TOOLS:
        of_tool = [page for page in executed if page["detected_by"] == tool]
        count = sum(named(page) is not None for page in of_tool)
        yield f"* ``{tool}`` named the failure on {count} of {len(of_tool)} pages."
    looked_at = [page for page in executed if page["detected_by"] and judged(page)]
    count = sum(bool(wrong(page)) for page in looked_at)
    yield f"* {count} of {len(looked_at)} repaired loaders or scripts got a complaint."
    unseen = sum(bool(page["slug"]) and not page["detected_by"] for page in executed)
    yield f"* {unseen} pages are about failures that no tool sees."


def _show_pages(content: dict[str, Any]) -> Iterator[str]:
    columns = {"Page": 40, "broken": 38, "fixed": 12, "asserts": 10}
    for section in dict.fromkeys(page["section"] for page in content["pages"]):
        pages = [page for page in content["pages"] if page["section"] == section]
        yield from (f".. rubric:: {SECTIONS.get(section, section.capitalize())}", "")
        yield from _table(columns, [_row(page) for page in pages])


def _link_to_claim(page: dict[str, Any], claim: str) -> str:
    """Link the heading that quotes a claim, which Sphinx has no label for."""
    address = f"{page['url'].removeprefix(SITE)}#{nodes.make_id(claim)}"
    return f':claim:`<a href="../{address}">{html.escape(claim)}</a>`'


def _show_claims(content: dict[str, Any]) -> Iterator[str]:
    yield from (".. role:: claim(raw)", "   :format: html", "")
    for page in content["pages"]:
        if page["section"] == "evidence":
            yield from (_link(page), "")
            if page["state"] != "executed":
                yield from (f"**{page['state'].capitalize()}** in this build.", "")
                continue
            rows = [
                [_link_to_claim(page, claim), verdict]
                for claim, verdict in page["claims"].items()
            ]
            yield from _table({"People say": 60, "Measured": 40}, rows)


PARTS = {
    "environment": _show_environment,
    "summary": _show_summary,
    "pages": _show_pages,
    "claims": _show_claims,
}


class Verdicts(SphinxDirective):
    """One part of what the build has measured, by its name in `PARTS`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the part, measured anew in each build."""
        (part,) = self.arguments
        if part not in PARTS:
            msg = f"verdicts: {part} is not one of {', '.join(PARTS)}"
            raise self.error(msg)
        content = collect(self.env.srcdir, self.config)
        for page in content["pages"]:
            # sphinx-gallery writes a page again whenever it has executed it.
            source = page["url"].removeprefix(SITE).removesuffix(".html")
            self.env.note_dependency(f"{source}.rst")
        self.content = StringList(list(PARTS[part](content)), source="verdicts")
        return self.parse_content_to_nodes()


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        path = Path(app.outdir, FILE)
        path.parent.mkdir(exist_ok=True)
        content = json.dumps(collect(app.srcdir, app.config), indent=2)
        path.write_text(content + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the file."""
    app.add_directive("verdicts", Verdicts)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
