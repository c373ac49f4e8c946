"""Note what `audit`, `compare` and `lint_paths` answer while a page runs.

The page's dictionary ``VERDICTS``, if there is one, is noted as well. The notes lie
beside the page's outputs, so that sphinx-gallery's cache keeps both or neither.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

TOOLS = {
    "audit": ("dejabatch", "audit"),
    "compare": ("dejabatch", "compare"),
    "lint": ("dejabatch.lint", "lint_paths"),
}

_notes: dict[str, Any] = {"said": [], "claims": {}}


def _loader_name(arguments: tuple[Any, ...]) -> str | None:
    """Return the name of the page's loader among the arguments; the page is `__main__`."""
    main = vars(sys.modules["__main__"])
    for name in ("broken", "fixed"):
        if name in main and arguments in ((main[name],), main[name]):
            return name
    return None


def _findings(answer: Any) -> list[dict[str, str]]:
    if isinstance(answer, list):  # lint returns places in the page's own script
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


def reset(_gallery_conf: dict[str, Any], _name: str | None) -> None:
    """Note from here on what the tools answer, in a process of one page."""
    for tool, (module, name) in TOOLS.items():
        owner = importlib.import_module(module)
        if not hasattr(getattr(owner, name), "__wrapped__"):
            setattr(owner, name, _noting(tool, getattr(owner, name)))


def scrape(_block: Any, block_vars: dict[str, Any], _gallery_conf: Any) -> str:
    """Write the notes after each cell of a page; for ``image_scrapers``."""
    _notes["claims"].update(block_vars["example_globals"].get("VERDICTS", {}))
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    content = json.dumps({"measured": today, **_notes})
    notes_of(Path(block_vars["target_file"])).write_text(content, encoding="utf-8")
    return ""


def notes_of(script: Path) -> Path:
    """Return the file of the notes on a page."""
    return script.with_suffix(".verdict.json")
