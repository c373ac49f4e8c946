"""Collect the notes of all pages for programs, and show them to readers.

``evidence/verdicts.json`` has what `collect` returns, and the directive ``verdicts`` shows
parts of the same. Every number is measured by the build.
"""

from __future__ import annotations

import ast
import datetime
import functools
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from build_environment import stamp
from docutils import nodes
from failure_modes import PAGES, TEMPLATES, TemplateDirective
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_gallery.gen_rst import md5sum_is_current
from verdict_notes import TOOLS, notes_of

from dejabatch.catalogue import FAILURE_MODES, SECTIONS
from dejabatch.finders import found_by
from dejabatch.home import SITE

SCHEMA = 1
"""Grows when a program that reads verdicts.json would break."""
FILE = "evidence/verdicts.json"
PARTS = ("environment", "summary", "pages", "claims")


def _state(script: Path, source: Path, config: Config) -> str:
    if str(source) in config.sphinx_gallery_conf.get("failing_examples", {}):
        return "failed"
    # sphinx-gallery writes a script's hash after it ran without error.
    executed = script.is_file() and md5sum_is_current(script, mode="t")
    return "executed" if executed and notes_of(script).is_file() else "not executed"


@functools.cache  # a build collects several times
def _source_facts(source: Path) -> dict[str, Any]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return {
        "title": (ast.get_docstring(tree) or source.stem).splitlines()[0],
        "asserts": sum(isinstance(node, ast.Assert) for node in ast.walk(tree)),
    }


def _page_record(script: Path, source: Path, config: Config) -> dict[str, Any]:
    page = f"gallery/{source.parent.name}/{source.stem}"
    mode = PAGES.get(page)
    state = _state(script, source, config)
    notes = {"measured": None, "said": [], "claims": {}}
    if state == "executed":
        notes = json.loads(notes_of(script).read_text(encoding="utf-8"))
    return {
        **{name: getattr(mode, name, None) for name in ("slug", "undetected_because")},
        "found_by": [] if mode is None else list(found_by(mode.slug)),
        "section": source.parent.name,
        "url": f"{SITE}{page}.html",
        "state": state,
        **_source_facts(source),
        **notes,
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
    libraries = {name: version(name) for name in ("torchvision", "dejabatch")}
    return {
        "schema": SCHEMA,
        "site": SITE,
        "built": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "environment": {**stamp(), **libraries},
        "pages": pages,
    }


def named(page: dict[str, Any]) -> dict[str, Any] | None:
    """Return the finding that named the failure of the broken loader, with its call."""
    for call in page["said"]:
        for finding in call["findings"]:
            if call["of"] in ("broken", "script") and finding["slug"] == page["slug"]:
                return {**call, **finding}
    return None


def wrong(page: dict[str, Any]) -> list[str]:
    """Return the slugs of findings in the fixed loader, or elsewhere in a linted script."""
    return [
        finding["slug"]
        for call in page["said"]
        for finding in call["findings"]
        if (call["of"] == "fixed" and finding["severity"] != "note")
        or (call["of"] == "script" and finding["slug"] != page["slug"])
    ]


def judged(page: dict[str, Any]) -> bool:
    """Return whether the page's fixed loader, or its whole script, was checked."""
    return any(call["of"] in ("fixed", "script") for call in page["said"])


def _docname(page: dict[str, Any]) -> str:
    return page["url"].removeprefix(SITE).removesuffix(".html")


TEMPLATES.filters |= {"docname": _docname, "make_id": nodes.make_id}
TEMPLATES.filters |= {"named": named, "wrong": wrong}
TEMPLATES.tests["judged"] = judged


class Verdicts(TemplateDirective):
    """Show one part of what the build has measured, by its name in `PARTS`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the part, and make the page depend on the pages that were measured."""
        (part,) = self.arguments
        if part not in PARTS:
            msg = f"verdicts: {part} is not one of {', '.join(PARTS)}"
            raise self.error(msg)
        content = collect(self.env.srcdir, self.config)
        for page in content["pages"]:
            # sphinx-gallery rewrites a page's source when it executes the page.
            self.env.note_dependency(f"{_docname(page)}.rst")
        return self.parsed(
            f"verdicts-{part}", content=content, sections=SECTIONS, tools=TOOLS
        )


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
