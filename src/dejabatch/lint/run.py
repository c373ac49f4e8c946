"""Everything that a rule may ask, and what a rule answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from dejabatch.lint.loaders import Loaders
from dejabatch.lint.module import Module
from dejabatch.lint.origins import Tracer
from dejabatch.lint.project import Project
from dejabatch.lint.seeding import Seeds
from dejabatch.lint.source import Source

Severity = Literal["note", "warning", "error"]


class Found(NamedTuple):
    """A node that has a failure.

    Attributes
    ----------
    module : Module
        The file of the node, which may be another file than the one that was checked.
    node : ast.AST
        The node.
    severity : {"note", "warning", "error"}
        As in `dejabatch.Finding`.
    why : str
        The reason, in one or two sentences.
    fix : str or None
        The repair of this variant; None for the failure mode's own.
    """

    module: Module
    node: ast.AST
    severity: Severity
    why: str
    fix: str | None = None


class Run:
    """The files of a run, and the questions that rules share.

    Parameters
    ----------
    sources : iterable of Source
        The texts of all files.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.project = Project(sources)
        self.tracer = Tracer(self.project)
        self.loaders = Loaders(self.project)
        self.seeds = Seeds(self.project, self.tracer)
        self._connected: dict[str, set[str]] = {}
        self._users: dict[str, set[str]] | None = None
        self._files: dict[str, set[str]] = {}

    def connected(self, module: Module) -> set[str]:
        """Return the files of the program that a file is a part of.

        They are the file, the files that import the file, directly or through others,
        and all files that these import.
        """
        path = module.source.path
        if path not in self._connected:
            users = _closure({path}, self._importers())
            self._connected[path] = _closure(users, self.project.imports)
        return self._connected[path]

    def _importers(self) -> Callable[[str], set[str]]:
        """Return a function from a file to the files that import the file."""
        if self._users is None:
            self._users = {}
            for path in self.project.sources:
                for imported in self.project.imports(path):
                    self._users.setdefault(imported, set()).add(path)
        users = self._users
        return lambda path: users.get(path, set())

    def files_where(
        self, key: str, word: str, matches: Callable[[str], object]
    ) -> set[str]:
        """Return the files of the run whose text matches; the answer is kept.

        Parameters
        ----------
        key : str
            The name of the question.
        word : str
            A text that each match contains, which is found much faster.
        matches : callable
            The question, about the text of a file.
        """
        if key not in self._files:
            self._files[key] = {
                path
                for path, source in self.project.sources.items()
                if word in source.text and matches(source.text)
            }
        return self._files[key]

    def connected_text(self, module: Module, pattern: str) -> bool:
        """Return whether a regular expression matches in the program of a file."""
        if not self.project.mentions(pattern):
            return False
        search = re.compile(pattern).search
        sources = self.project.sources
        return any(search(sources[path].text) for path in self.connected(module))


def _closure(start: set[str], following: Callable[[str], set[str]]) -> set[str]:
    """Return all that can be reached from a set."""
    found = set(start)
    frontier = list(start)
    for item in frontier:
        new = following(item) - found
        found |= new
        frontier += new
    return found


def short(node: ast.AST, length: int = 60) -> str:
    """Return a node's source for a message."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= length else f"{text[: length - 3]}..."
