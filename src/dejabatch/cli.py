"""The command line: ``dejabatch audit``, ``diff``, ``explain`` and ``lint``."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import dejabatch
from dejabatch.catalogue import FAILURE_MODES
from dejabatch.files import write_whole
from dejabatch.formats.github import places_as_github
from dejabatch.formats.json import places_as_json
from dejabatch.formats.sarif import places_as_sarif
from dejabatch.formats.text import places_as_lines, places_as_text
from dejabatch.home import SITE
from dejabatch.lint import Place, Settings, lint_paths, lint_source
from dejabatch.lint.settings import SettingsError, chosen, known_slugs

if TYPE_CHECKING:
    from dejabatch.report import Report

EXIT_CODES = """\
exit codes:
  0  nothing was found
  1  something was found
  2  the command could not run, or the audit is incomplete
"""

PLACES_AS: Mapping[str, Callable[[Sequence[Place]], str]] = MappingProxyType(
    {
        "text": places_as_text,
        "lines": places_as_lines,
        "json": places_as_json,
        "github": places_as_github,
        "sarif": places_as_sarif,
    }
)
"""The formats of lint findings, by the name that ``--format`` takes."""

REPORT_AS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {
        "text": str,
        "json": lambda report: report.to_json(),
        "sarif": lambda report: report.to_sarif(),
    }
)
"""The formats of a report that are text, by the name that ``--format`` takes."""


class CannotRunError(Exception):
    """A command cannot run. The message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments of the command line, by default ``sys.argv[1:]``.

    Returns
    -------
    int
        0 if nothing was found, 1 if something was found, 2 if the command could not
        run or the audit is incomplete. 1 if the output is closed early.

    Raises
    ------
    SystemExit
        With code 2 if the arguments are wrong, and with code 0 after ``--help``.
    """
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except CannotRunError as error:
        print(f"dejabatch {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # A reader such as `head` has ended; Python flushes once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    as_script = Path(sys.argv[0]).stem == "dejabatch"
    whole = argparse.ArgumentParser(
        "dejabatch" if as_script else "python -m dejabatch",
        description="Find out why a DataLoader repeats itself.",
    )
    whole.add_argument(
        "--version",
        action=_ShowVersion,
        nargs=0,
        help="show program's version number and exit",
    )
    commands = whole.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for add in (_add_audit, _add_diff, _add_explain, _add_lint):
        add(commands)
    return whole


class _ShowVersion(argparse.Action):
    """Print the version. argparse's own action needs the version at the start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        # This import would take a quarter of the start of `lint`.
        from importlib.metadata import version  # noqa: PLC0415

        print(version("dejabatch"))
        parser.exit()


def _add_audit(commands: Any) -> None:
    command = commands.add_parser(
        "audit",
        help="name the failures of a loader",
        description="Import a function that builds a loader, or a loader; read several "
        "epochs\nin a separate process; name the loader's failures.\n\n"
        "Started as several ranks, the command compares their loaders:\n"
        "  torchrun --nproc-per-node 2 -m dejabatch audit train:make_loader\n"
        "  accelerate launch -m dejabatch audit train:make_loader",
        epilog=f"{EXIT_CODES}\nFindings below --fail-on do not change the exit code.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "target",
        metavar="PKG.MOD:NAME",
        help="a module, searched from the current directory, and the name of a function "
        "without arguments that builds a loader, or of a loader",
    )
    command.add_argument(
        "--epochs",
        type=int,
        default=2,
        metavar="N",
        help="number of epochs to read (default: 2)",
    )
    command.add_argument(
        "--max-batches",
        type=int,
        default=64,
        metavar="N",
        help="largest number of batches to read in each epoch (default: 64)",
    )
    command.add_argument(
        "--time-limit",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="time after which reading stops (default: 60)",
    )
    command.add_argument(
        "--format",
        choices=(*REPORT_AS, "html"),
        default="text",
        help="format of the report (default: text); html needs --output",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the report to FILE instead of the standard output",
    )
    command.add_argument(
        "--fail-on",
        choices=("error", "warning", "note"),
        default="warning",
        help="lowest severity that leads to exit code 1 (default: warning)",
    )
    command.add_argument(
        "--same-data",
        action="append",
        type=_ranks,
        metavar="RANKS",
        help="ranks that hold parts of one model and are to read the same data, such as "
        "0,1; once for each model",
    )
    command.set_defaults(run=_audit)


def _ranks(text: str) -> list[int]:
    return [int(rank) for rank in text.split(",")]


def _audit(options: argparse.Namespace) -> int:
    if options.format == "html" and options.output is None:
        msg = "--format html needs --output FILE"
        raise CannotRunError(msg)
    # The audit of ranks imports torch, which would slow the start of `lint`.
    from dejabatch.distributed import launched  # noqa: PLC0415

    if launched.is_one_of_several():
        return _audit_ranks(options)
    loader = _import_target(options.target)
    try:
        report = dejabatch.audit(loader, **_limits(options))
    except (RuntimeError, TypeError, ValueError) as error:
        msg = f"{options.target}: {error}"
        raise CannotRunError(msg) from error
    return _write(report, options)


def _audit_ranks(options: argparse.Namespace) -> int:
    """Audit as one of several ranks; rank 0 writes the report."""
    from dejabatch.auditing import Request, is_factory  # noqa: PLC0415
    from dejabatch.distributed import launched  # noqa: PLC0415

    def make() -> Any:
        loader = _import_target(options.target)
        return loader() if is_factory(loader) else loader

    loader = launched.make_once(make, options.time_limit)
    is_first = int(os.environ["RANK"]) == 0
    status = 0
    try:
        request = Request(loader, **_limits(options))
        report = request.audit_with_others(options.time_limit)
        if is_first:
            status = _write(report, options)
    except (CannotRunError, RuntimeError, TypeError, ValueError) as error:
        status = 2
        if is_first:
            print(f"dejabatch audit: {options.target}: {error}", file=sys.stderr)
    # torchrun ends the other ranks as soon as one has ended with an error.
    sys.stdout.flush()
    return launched.agree_on(status)


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    try:
        expect = dejabatch.Expect(same_data=options.same_data)
    except ValueError as error:
        msg = f"--same-data: {error}"
        raise CannotRunError(msg) from error
    return {
        "epochs": options.epochs,
        "max_batches": options.max_batches,
        "time_limit": options.time_limit,
        "expect": expect,
    }


def _write(report: dejabatch.Report, options: argparse.Namespace) -> int:
    """Write a report, and return the exit code."""
    try:
        if options.format == "html":
            report.to_html(options.output)
        elif options.output is None and options.format == "text":
            report.print()
        else:
            text = REPORT_AS[options.format](report)
            if options.output is None:
                print(text)
            else:
                write_whole(options.output, f"{text}\n")
    except OSError as error:
        msg = f"--output: {error}"
        raise CannotRunError(msg) from error
    if report.incomplete is not None:
        return 2
    try:
        report.raise_for_findings(options.fail_on)
    except dejabatch.FindingsError:
        return 1
    return 0


def _import_target(target: str) -> Any:
    """Import the object that ``package.module:name`` refers to."""
    module_name, _, name = target.partition(":")
    if not (module_name and name):
        msg = f"{target!r} is not of the form PKG.MOD:NAME, such as train:make_loader"
        raise CannotRunError(msg)
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            msg = (
                f"there is no module {missing!r} in {Path.cwd()} or among the "
                "installed packages"
            )
        else:
            msg = f"{module_name} cannot be imported\n{traceback.format_exc()}"
        raise CannotRunError(msg) from error
    try:
        return attrgetter(name)(module)
    except AttributeError as error:
        suggestion = _did_you_mean(name, vars(module))
        msg = f"there is no {name!r} in {module_name}{suggestion}"
        raise CannotRunError(msg) from error


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known)
    return f"; did you mean {', '.join(close)}?" if close else ""


def _add_diff(commands: Any) -> None:
    command = commands.add_parser(
        "diff",
        help="compare what two runs have read, by their ledgers",
        description="Say where two runs part that dejabatch.ledger has written down, or\n"
        "where a resumed run repeats and skips batches.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("a", metavar="A", type=Path, help="ledger of the first run")
    command.add_argument(
        "b",
        metavar="B",
        type=Path,
        help="ledger of the second run, or of the part after a restart",
    )
    command.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> int:
    # The ledger imports torch, which would slow the start of `lint`.
    from dejabatch.ledgers import differences, read_ledger  # noqa: PLC0415

    try:
        found = differences(read_ledger(options.a), read_ledger(options.b))
    except (OSError, ValueError) as error:
        raise CannotRunError(error) from error
    for rank, text in found.items():
        print(f"rank {rank}: {text or 'the batches are the same'}")
    return 1 if any(found.values()) else 0


def _add_explain(commands: Any) -> None:
    command = commands.add_parser(
        "explain",
        help="describe a failure mode and its fix",
        description="Describe a failure mode and its fix.",
    )
    command.add_argument(
        "slug",
        metavar="SLUG",
        help="name of the failure mode in reports, such as exhausted-stream",
    )
    command.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    mode = FAILURE_MODES.get(options.slug)
    if mode is None:
        suggestion = _did_you_mean(options.slug, FAILURE_MODES)
        msg = (
            f"there is no failure mode {options.slug!r}{suggestion}\n"
            f"All failure modes: {SITE}reference/failure-modes.html"
        )
        raise CannotRunError(msg)
    # The checks import numpy, which would slow the start of `lint`.
    from dejabatch.finders import found_by  # noqa: PLC0415

    tools = ", ".join(found_by(mode.slug))
    lines = {
        "You see": mode.symptom,
        "Because": mode.cause,
        "Do": mode.fix,
        "Found by": tools or f"no tool. {mode.undetected_because}",
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


def _add_lint(commands: Any) -> None:
    command = commands.add_parser(
        "lint",
        help="search Python files for loops and seeds that repeat themselves",
        description="Search Python files and notebooks for loops and seeds that repeat "
        "themselves.\nThe files are parsed and not executed.",
        epilog=f"{EXIT_CODES}\nNotes do not change the exit code.\n"
        "A comment '# dejabatch: ignore[SLUG]' excludes its line.\n"
        "The section [tool.dejabatch.lint] of pyproject.toml has the defaults.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        default=[Path()],
        help="a file, or a folder in which every *.py and *.ipynb file is read, or - "
        "for the standard input (default: the current directory)",
    )
    command.add_argument(
        "--format",
        choices=PLACES_AS,
        default="text",
        help="format of the findings (default: text); lines has one line for each "
        "finding; github writes annotations",
    )
    for name, text in (
        ("select", "run only these rules"),
        ("ignore", "do not run these rules"),
        ("exclude", "leave out files and folders, by patterns as in .gitignore"),
    ):
        command.add_argument(
            f"--{name}",
            action="extend",
            type=lambda value: value.split(","),
            metavar="PATTERN,..." if name == "exclude" else "SLUG,...",
            help=text,
        )
    command.add_argument(
        "--exit-zero",
        action="store_true",
        help="exit with 0 even if something was found",
    )
    command.add_argument(
        "--stdin-filename",
        default="<stdin>",
        metavar="FILE",
        help="name of the standard input in the findings",
    )
    command.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of processes for a large folder (default: one for each core)",
    )
    command.set_defaults(run=_lint)


def _lint(options: argparse.Namespace) -> int:
    from_stdin = options.paths == [Path("-")]
    if not from_stdin and Path("-") in options.paths:
        msg = "- stands for the standard input and must be the only path"
        raise CannotRunError(msg)
    if options.jobs < 1:
        msg = f"--jobs must be at least 1, not {options.jobs}"
        raise CannotRunError(msg)
    try:
        settings = _settings(options, Path() if from_stdin else options.paths[0])
        if from_stdin:
            text = sys.stdin.read()
            places = lint_source(text, options.stdin_filename, settings=settings)
        else:
            places = lint_paths(options.paths, settings=settings, jobs=options.jobs)
    except (OSError, SettingsError) as error:
        raise CannotRunError(error) from error
    text = PLACES_AS[options.format](places)
    if text:
        print(text)
    counted = any(place.severity != "note" for place in places)
    return 1 if counted and not options.exit_zero else 0


def _settings(options: argparse.Namespace, path: Path) -> Settings:
    """Return the settings of pyproject.toml, changed by the command line."""
    settings = Settings.find(path if path.is_dir() else path.parent)
    if options.select is not None:
        settings = replace(settings, select=chosen(options.select, (), "--"))
    if options.ignore is not None:
        ignored = known_slugs(options.ignore, "--ignore")
        settings = replace(settings, select=settings.select - ignored)
    if options.exclude is not None:
        settings = replace(settings, exclude=(*settings.exclude, *options.exclude))
    return settings
