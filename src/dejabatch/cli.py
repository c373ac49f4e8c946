"""The command line: ``dejabatch audit``, ``explain`` and ``lint``."""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dejabatch.auditing import audit
from dejabatch.catalogue import FAILURE_MODES
from dejabatch.home import SITE
from dejabatch.lint import RULES, Place, lint_paths
from dejabatch.report import FindingsError

EXIT_CODES = """\
exit codes:
  0  nothing was found
  1  something was found
  2  it could not run
"""


class CannotRunError(Exception):
    """A command cannot do what it was asked for; says why not."""


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

    Raises
    ------
    SystemExit
        If the arguments are no command, with the code 2; after ``--help``, with 0.
    """
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except CannotRunError as error:
        print(f"dejabatch {options.command}: {error}", file=sys.stderr)
        return 2
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    as_script = Path(sys.argv[0]).stem == "dejabatch"
    whole = argparse.ArgumentParser(
        "dejabatch" if as_script else "python -m dejabatch",
        description="Find out why a DataLoader repeats itself.",
    )
    whole.add_argument("--version", action="version", version=version("dejabatch"))
    commands = whole.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for add in (_add_audit, _add_explain, _add_lint):
        add(commands)
    return whole


# audit -------------------------------------------------------------------------------


def _add_audit(commands: Any) -> None:
    command = commands.add_parser(
        "audit",
        help="name the failures in a loader",
        description="Import a loader, or a function that makes one, read epochs of it "
        "in a\nprocess of its own, and name its failures.",
        epilog=f"{EXIT_CODES}\nA finding that --fail-on lets pass does not count.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "target",
        metavar="PKG.MOD:NAME",
        help="a module, found from the current directory, and in it a loader or a "
        "function without arguments that makes one",
    )
    command.add_argument(
        "--epochs",
        type=int,
        default=2,
        metavar="N",
        help="how many to read (default: 2)",
    )
    command.add_argument(
        "--max-batches",
        type=int,
        default=64,
        metavar="N",
        help="how many to read of each epoch (default: 64)",
    )
    command.add_argument(
        "--time-limit",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="when to stop reading (default: 60)",
    )
    command.add_argument(
        "--format",
        choices=("text", "json", "html"),
        default="text",
        help="of the report (default: text); html needs --output",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the report there, not to the standard output",
    )
    command.add_argument(
        "--fail-on",
        choices=("error", "warning", "note"),
        default="warning",
        help="the least severity that gives exit code 1 (default: warning)",
    )
    command.set_defaults(run=_audit)


def _audit(options: argparse.Namespace) -> int:
    if options.format == "html" and options.output is None:
        msg = "--format html needs --output FILE"
        raise CannotRunError(msg)
    loader = _imported(options.target)
    try:
        report = audit(
            loader,
            epochs=options.epochs,
            max_batches=options.max_batches,
            time_limit=options.time_limit,
        )
    except (RuntimeError, TypeError, ValueError) as error:
        msg = f"{options.target}: {error}"
        raise CannotRunError(msg) from error
    try:
        if options.format == "html":
            report.to_html(options.output)
        elif options.output is None:
            report.print() if options.format == "text" else print(report.to_json())
        else:
            text = str(report) if options.format == "text" else report.to_json()
            options.output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        msg = f"--output: {error}"
        raise CannotRunError(msg) from error
    try:
        report.raise_for_findings(options.fail_on)
    except FindingsError:
        return 1
    return 0


def _imported(target: str) -> Any:
    """Import what ``package.module:name`` stands for."""
    module_name, _, name = target.partition(":")
    if not (module_name and name):
        msg = f"{target!r} is no PKG.MOD:NAME, such as train:loader"
        raise CannotRunError(msg)
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            msg = f"there is no module {missing!r}, neither here nor installed"
        else:
            msg = f"{module_name} cannot be imported\n{traceback.format_exc()}"
        raise CannotRunError(msg) from error
    try:
        return attrgetter(name)(module)
    except AttributeError as error:
        msg = f"there is no {name!r} in {module_name}{_meant(name, vars(module))}"
        raise CannotRunError(msg) from error


def _meant(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, words)
    return f"; did you mean {', '.join(close)}?" if close else ""


# explain -----------------------------------------------------------------------------


def _add_explain(commands: Any) -> None:
    command = commands.add_parser(
        "explain",
        help="say what a failure mode is, and what to do about it",
        description="Say what a failure mode is, and what to do about it.",
    )
    command.add_argument(
        "slug", metavar="SLUG", help="its name in reports, such as exhausted-stream"
    )
    command.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    mode = FAILURE_MODES.get(options.slug)
    if mode is None:
        meant = _meant(options.slug, FAILURE_MODES)
        all_of_them = f"{SITE}reference/failure-modes.html"
        msg = f"there is no failure mode {options.slug!r}{meant}\nAll: {all_of_them}"
        raise CannotRunError(msg)
    lines = {
        "You see": mode.symptom,
        "Because": mode.cause,
        "Do": mode.fix,
        "Found by": mode.detected_by or f"no tool. {mode.undetected_because}",
    }
    print(f"{mode.title}\n")
    for label, text in lines.items():
        first = f"{label + ':':10}"
        print(
            textwrap.fill(
                text,
                79,
                initial_indent=first,
                subsequent_indent=" " * len(first),
                break_on_hyphens=False,
            )
        )
    print(f"\n{mode.url}")
    return 0


# lint --------------------------------------------------------------------------------


def _add_lint(commands: Any) -> None:
    command = commands.add_parser(
        "lint",
        help="look through Python files for loops and seeds that repeat themselves",
        description="Look through Python files for loops and seeds that repeat "
        "themselves.\nNothing in them is executed.",
        epilog=f"{EXIT_CODES}\nA comment '# dejabatch: ignore[SLUG]' leaves its line "
        "out.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a file, or a folder of which all *.py are read",
    )
    command.add_argument(
        "--format",
        choices=PLACES_AS,
        default="text",
        help="of the findings (default: text); github writes annotations",
    )
    command.set_defaults(run=_lint)


def _lint(options: argparse.Namespace) -> int:
    unreadable: list[str] = []
    try:
        places = lint_paths(
            options.paths,
            unreadable=lambda file, error: unreadable.append(f"{file}: {error}"),
        )
    except OSError as error:
        raise CannotRunError(error) from error
    print(PLACES_AS[options.format](places))
    if unreadable:
        raise CannotRunError("; ".join(unreadable))
    return 1 if places else 0


def _places_as_text(places: Sequence[Place]) -> str:
    lines = []
    for place in places:
        mode = FAILURE_MODES[place.slug]
        where = f"{place.path}:{place.line}:{place.column}"
        lines += [f"{where}: {mode.title} [{place.slug}]", f"    {mode.fix}"]
        lines += [f"    {mode.url}"]
    return "\n".join([*lines, f"{len(places)} found" if places else "nothing found"])


def _places_as_json(places: Sequence[Place]) -> str:
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


def _places_as_github(places: Sequence[Place]) -> str:
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


def _places_as_sarif(places: Sequence[Place]) -> str:
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


PLACES_AS: Mapping[str, Callable[[Sequence[Place]], str]] = MappingProxyType(
    {
        "text": _places_as_text,
        "json": _places_as_json,
        "github": _places_as_github,
        "sarif": _places_as_sarif,
    }
)
