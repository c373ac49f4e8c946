"""Find failures that the source shows: loops and seeds that repeat themselves.

A syntax tree shows what a loader object cannot, such as ``next(iter(loader))`` in a
loop. Each rule in `dejabatch.lint.rules` looks for one failure mode. A rule rather
misses a failure than reports code that is right.
"""

from __future__ import annotations

import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dejabatch.lint.ignores import ignored_slugs
from dejabatch.lint.module import Module
from dejabatch.lint.rules import RULES

__all__ = ["RULES", "Place", "lint_paths", "lint_source"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the source that has a failure.

    Attributes
    ----------
    path : str
        The file.
    line, column : int
        The position of the failure in the file, counted from 1.
    slug : str
        The failure mode's name.

    Examples
    --------
    >>> from dejabatch.lint import lint_source
    >>> lint_source("loader = DataLoader(a); zip(loader, loader)", "train.py")
    [Place(path='train.py', line=1, column=25, slug='one-iterator-per-persistent-loader')]
    """

    path: str
    line: int
    column: int
    slug: str


def lint_paths(
    paths: Iterable[Path],
    *,
    unreadable: Callable[[Path, Exception], None] | None = None,
) -> list[Place]:
    """Return the failures in Python files.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files, and folders in which every ``*.py`` file is read.
    unreadable : callable, optional
        Called with each file that is not Python and with the error; the run then goes
        on with the next file. By default, the first such file raises.

    Returns
    -------
    list of Place
        The failures, in the order of files and lines.

    Raises
    ------
    OSError
        If a path does not exist or cannot be read.
    SyntaxError, UnicodeDecodeError
        If a file is not Python and `unreadable` is None. The message of a
        `SyntaxError` names the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dejabatch.lint import lint_paths
    >>> length = Path("train.py").write_text("itertools.cycle(DataLoader(dataset))")
    >>> lint_paths([Path("train.py")])
    [Place(path='train.py', line=1, column=1, slug='itertools-cycle')]
    """
    found: list[Place] = []
    for path in paths:
        if not path.exists():
            msg = f"paths: there is no {path}"
            raise FileNotFoundError(msg)
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            try:
                with tokenize.open(file) as source:
                    found += lint_source(source.read(), str(file))
            except (SyntaxError, UnicodeDecodeError) as error:
                if unreadable is None:
                    raise
                unreadable(file, error)
    return found


def lint_source(source: str, path: str = "<string>") -> list[Place]:
    """Return the failures in the text of one Python file.

    Parameters
    ----------
    source : str
        The text of the file.
    path : str
        The name of the file in the results.

    Returns
    -------
    list of Place
        The failures, in the order of lines. A comment ``# dejabatch: ignore[slug]``
        excludes its line.

    Raises
    ------
    SyntaxError
        If `source` is not Python.

    Examples
    --------
    >>> from dejabatch.lint import lint_source
    >>> source = '''
    ... loader = DataLoader(dataset, shuffle=True)
    ... for step in range(1000):
    ...     train(next(iter(loader)))
    ... '''
    >>> [(place.line, place.slug) for place in lint_source(source)]
    [(4, 'next-iter-in-the-loop')]
    """
    module = Module.parse(source, path)
    ignored = ignored_slugs(source)
    found = set()
    for slug, check in RULES.items():
        for node in check(module):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if not {slug, "*"} & set().union(*(ignored.get(i, ()) for i in lines)):
                found.add(Place(path, node.lineno, node.col_offset + 1, slug))
    return sorted(found)
