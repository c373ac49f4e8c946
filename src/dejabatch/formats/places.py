"""The file and the line that a finding is about."""

from __future__ import annotations

import ast
import os
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dejabatch.findings import Finding
    from dejabatch.observe.record import Source
    from dejabatch.report import Report


class FileLine(NamedTuple):
    """A line of a file; the path is relative below the current directory."""

    file: str
    line: int


def place_of(report: Report, finding: Finding) -> FileLine | None:
    """Return where the class that owns a finding's `where` is defined.

    Parameters
    ----------
    report : dejabatch.Report
        The report that has the finding.
    finding : dejabatch.Finding
        The finding.

    Returns
    -------
    FileLine or None
        The line of the method that `where` names, else of the nearest class or function
        of the user on the way to `where`. For an attribute of the loader itself, the
        function that makes the loader, else the dataset's class. None if no class of the
        user is in a file.
    """
    seen = report.other or report.observation
    owners = [s for s in seen.sources if _leads_to(s.path, finding.where)]
    owners.sort(key=lambda source: -len(source.path))
    for source in [*owners, *seen.sources]:
        if Path(source.file).is_file():
            member = finding.where.removeprefix(source.path).removeprefix(".")
            line = source.line or _line_of(source, member)
            return FileLine(_relative(source.file), line)
    return None


def _leads_to(path: str, where: str) -> bool:
    return path == where or (bool(path) and where.startswith((f"{path}.", f"{path}[")))


def _relative(file: str) -> str:
    path = os.path.relpath(file)
    return Path(file if path.startswith(os.pardir) else path).as_posix()


def _line_of(source: Source, member: str) -> int:
    """Return the line of a method, or of its class if the class has no such method."""
    try:
        with tokenize.open(source.file) as text:
            node: ast.AST = ast.parse(text.read())
    except (OSError, SyntaxError, UnicodeDecodeError):
        return 1
    line = 1
    names = [*source.name.split("."), re.split(r"[.\[]", member, maxsplit=1)[0]]
    for name in (name for name in names if name != "<locals>"):
        inner = (n for n in ast.walk(node) if getattr(n, "name", None) == name)
        found = next((n for n in inner if isinstance(n, _DEFINITIONS)), None)
        if found is None:
            break
        node, line = found, found.lineno
    return line


_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
