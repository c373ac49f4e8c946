"""Everything that a rule may ask, and what a rule answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
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
        What the rule followed, in one or two sentences.
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
        self._importers: dict[str, set[str]] = {}

    def connected(self, module: Module) -> set[str]:
        """Return the files that a file imports or that import the file.

        The file itself, the files that import the file, and all that these import, are
        the program that runs with the file, as far as the source shows.
        """
        path = module.source.path
        if path not in self._importers:
            users = self._users(module)
            found = {path, *users}
            for name in list(found):
                found |= self._imports(name, set())
            self._importers[path] = found
        return self._importers[path]

    def _users(self, module: Module) -> set[str]:
        """Return the files that import a file, directly or through others."""
        found: set[str] = set()
        frontier = [module.source.path]
        for path in frontier:
            stem = re.split(r"[\\/.]", path)[-2]
            if stem == "__init__":
                stem = re.split(r"[\\/.]", path)[-3]
            word = re.compile(rf"import.*\b{re.escape(stem)}\b|\b{re.escape(stem)} import")
            for source in self.project.sources.values():
                known = source.path in found or source.path == module.source.path
                if known or not word.search(source.text):
                    continue
                user = self.project.module(source.path)
                if user is not None and path in self.project.imports(user):
                    found.add(source.path)
                    frontier.append(source.path)
            if len(found) > 60:
                break
        return found

    def _imports(self, path: str, seen: set[str]) -> set[str]:
        if path in seen or len(seen) > 200:
            return seen
        seen.add(path)
        module = self.project.module(path)
        if module is not None:
            for imported in self.project.imports(module):
                self._imports(imported, seen)
        return seen

    def connected_text(self, module: Module, pattern: str) -> bool:
        """Return whether a regular expression matches in the program of a file."""
        if not self.project.mentions(pattern):
            return False
        search = re.compile(pattern).search
        sources = self.project.sources
        return any(search(sources[path].text) for path in self.connected(module))


def short(node: ast.AST, length: int = 60) -> str:
    """Return a node's source for a message."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= length else f"{text[: length - 3]}..."
