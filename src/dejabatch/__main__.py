"""The command line: ``python -m dejabatch lint PATH...``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.lint import RULES, Place, lint_paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the program.

    Returns
    -------
    int
        0 if nothing was found, 1 if something was, 2 if it could not run.
    """
    parser = argparse.ArgumentParser(
        "python -m dejabatch", description="Find out why a DataLoader repeats itself."
    )
    commands = parser.add_subparsers(required=True)
    lint = commands.add_parser(
        "lint",
        help="look through Python files for loops and seeds that repeat themselves",
        epilog="A comment '# dejabatch: ignore[SLUG]' leaves its line out.",
    )
    lint.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    lint.add_argument("--format", choices=FORMATS, default="text")
    options = parser.parse_args(arguments)
    try:
        places = lint_paths(options.paths)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        print(f"dejabatch lint: {error}", file=sys.stderr)
        return 2
    print(FORMATS[options.format](places))
    return 1 if places else 0


def _as_text(places: Sequence[Place]) -> str:
    lines = []
    for place in places:
        mode = FAILURE_MODES[place.slug]
        where = f"{place.path}:{place.line}:{place.column}"
        lines += [f"{where}: {mode.title} [{place.slug}]", f"    {mode.fix}"]
        lines += [f"    {mode.url}"]
    return "\n".join([*lines, f"{len(places)} found" if places else "nothing found"])


def _as_json(places: Sequence[Place]) -> str:
    found = [
        {
            "path": place.path,
            "line": place.line,
            "column": place.column,
            "slug": place.slug,
            "title": FAILURE_MODES[place.slug].title,
            "fix": FAILURE_MODES[place.slug].fix,
            "url": FAILURE_MODES[place.slug].url,
        }
        for place in places
    ]
    return json.dumps({"schema": 1, "found": found}, indent=2)


def _as_github(places: Sequence[Place]) -> str:
    """Write workflow commands, which GitHub shows beside the lines.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """

    def escaped(text: str, more: str = "") -> str:
        for character in "%\r\n" + more:
            text = text.replace(character, f"%{ord(character):02X}")
        return text

    return "\n".join(
        f"::warning file={escaped(place.path, ':,')},line={place.line},"
        f"col={place.column},title={escaped(FAILURE_MODES[place.slug].title, ':,')}::"
        f"{escaped(f'{FAILURE_MODES[place.slug].fix} {FAILURE_MODES[place.slug].url}')}"
        for place in places
    )


def _as_sarif(places: Sequence[Place]) -> str:
    """Write SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""
    rules = [
        {
            "id": slug,
            "shortDescription": {"text": FAILURE_MODES[slug].title},
            "help": {"text": FAILURE_MODES[slug].fix},
            "helpUri": FAILURE_MODES[slug].url,
        }
        for slug in RULES
    ]
    results: list[dict[str, Any]] = [
        {
            "ruleId": place.slug,
            "level": "warning",
            "message": {"text": FAILURE_MODES[place.slug].title},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": Path(place.path).as_posix()},
                        "region": {
                            "startLine": place.line,
                            "startColumn": place.column,
                        },
                    }
                }
            ],
        }
        for place in places
    ]
    driver = {"name": "dejabatch", "version": version("dejabatch"), "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=2)


FORMATS: Mapping[str, Callable[[Sequence[Place]], str]] = MappingProxyType(
    {
        "text": _as_text,
        "json": _as_json,
        "github": _as_github,
        "sarif": _as_sarif,
    }
)

if __name__ == "__main__":
    sys.exit(main())
