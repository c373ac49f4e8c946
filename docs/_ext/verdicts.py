"""Collect what the executed pages measured, for programs and for templates.

``evidence/verdicts.json`` has what `collect` returns. All of it stands in the outputs of
the pages, whose asserts have held: a page that fails fails the build.
"""

from __future__ import annotations

import ast
import datetime
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from build_environment import stamp
from docutils import nodes
from failure_modes import PAGES, TEMPLATES
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx_gallery.gen_rst import md5sum_is_current

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.finders import found_by
from dejabatch.home import SITE

SCHEMA = 2
"""Grows when a program that reads verdicts.json would break."""
FILE = "evidence/verdicts.json"
CLAIM = re.compile(r"^“(.+)”\n-+$(?:(?!^-+$)[^\0])*?^ {4}Verdict: (.+)$", re.MULTILINE)


def measured(text: str) -> dict[str, str]:
    """Return the first line ``broken: ...`` and ``fixed: ...`` that a page prints."""
    lines = re.findall(r"^ {4}(broken|fixed): +(\S.*)$", text, flags=re.MULTILINE)
    return dict(reversed(lines))


def _page_record(script: Path, source: Path, config: Config) -> dict[str, Any]:
    page = f"gallery/{source.parent.name}/{source.stem}"
    mode = PAGES.get(page)
    tree = ast.parse(source.read_text(encoding="utf-8"))
    state, date, text = "not executed", None, ""
    if str(source) in config.sphinx_gallery_conf.get("failing_examples", {}):
        state = "failed"
    # sphinx-gallery writes a script's hash after it ran without error.
    elif script.is_file() and md5sum_is_current(script, mode="t"):
        seconds = script.with_suffix(".py.md5").stat().st_mtime
        date = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).date()
        state, text = "executed", script.with_suffix(".rst").read_text("utf-8")
    return {
        **{name: getattr(mode, name, None) for name in ("slug", "undetected_because")},
        "found_by": [] if mode is None else list(found_by(mode.slug)),
        "section": source.parent.name,
        "page": page,
        "title": (ast.get_docstring(tree) or source.stem).splitlines()[0],
        "url": f"{SITE}{page}.html",
        "state": state,
        "measured": date and date.isoformat(),
        "asserts": sum(isinstance(node, ast.Assert) for node in ast.walk(tree)),
        **dict.fromkeys(("broken", "fixed")),
        **measured(text),
        "claims": dict(CLAIM.findall(text)),
    }


def collect(srcdir: Path, config: Config) -> dict[str, Any]:
    """Return the content of verdicts.json."""
    gallery = Path(srcdir, config.sphinx_gallery_conf["gallery_dirs"])
    sources = Path(srcdir, config.sphinx_gallery_conf["examples_dirs"]).resolve()
    pages = [
        _page_record(gallery / source.relative_to(sources), source, config)
        for source in sorted(sources.glob("*/plot_*.py"))
    ]
    order = [None, *FAILURE_MODES]
    pages.sort(key=lambda page: (page["section"], order.index(page["slug"])))
    return {
        "schema": SCHEMA,
        "site": SITE,
        "built": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "environment": {**stamp(), "dejabatch": version("dejabatch")},
        "pages": pages,
    }


def _verdicts(env: BuildEnvironment) -> dict[str, Any]:
    """Return the content, and make the page that shows it depend on all pages."""
    content = collect(env.srcdir, env.config)
    for page in content["pages"]:
        # sphinx-gallery rewrites a page's source when it executes the page.
        env.note_dependency(f"{page['page']}.rst")
    return content


TEMPLATES.globals["verdicts"] = _verdicts
TEMPLATES.filters["make_id"] = nodes.make_id


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        path = Path(app.outdir, FILE)
        path.parent.mkdir(exist_ok=True)
        content = json.dumps(collect(app.srcdir, app.config), indent=2)
        path.write_text(content + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the file."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
