"""One parsed file: its syntax tree and the objects that its names refer to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

_LOADER_CLASSES: Final = {"DataLoader", "StatefulDataLoader"}


@dataclass(slots=True)
class Module:
    """A parsed file.

    Attributes
    ----------
    tree : ast.Module
        The syntax tree.
    imported : dict of str to str
        The full name of each imported object, by its name in the file.
    parents : dict of ast.AST to ast.AST
        The parent of each node.
    loaders : set of str
        The variables, attributes and arguments that hold a DataLoader, as source text.
    """

    tree: ast.Module
    imported: dict[str, str] = field(init=False)
    parents: dict[ast.AST, ast.AST] = field(init=False)
    loaders: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.imported = _imported_names(self.tree)
        self.parents = {
            child: node
            for node in ast.walk(self.tree)
            for child in ast.iter_child_nodes(node)
        }
        self.loaders = set(self._loader_variables())

    @classmethod
    def parse(cls, source: str, path: str) -> Self:
        """Parse the text of a file."""
        return cls(ast.parse(source, filename=path))

    def full_name(self, node: ast.AST) -> str:
        """Return the full name of the object that an expression refers to, or ""."""
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return self.imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def called_name(self, node: ast.AST) -> str:
        """Return the full name of the object that a call calls; "" for other nodes."""
        return self.full_name(node.func) if isinstance(node, ast.Call) else ""

    def is_loader_call(self, node: ast.AST) -> bool:
        """Return whether a node is a call of a DataLoader class."""
        return self.called_name(node).rpartition(".")[2] in _LOADER_CLASSES

    def is_loader(self, node: ast.AST) -> bool:
        """Return whether an expression is a variable that holds a DataLoader."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return False
        return ast.unparse(node) in self.loaders

    def calls(self, node: ast.AST | None = None) -> Iterator[ast.Call]:
        """Yield the calls in a node, by default in the whole file."""
        for inner in ast.walk(node or self.tree):
            if isinstance(inner, ast.Call):
                yield inner

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def dataset_classes(self) -> Iterator[ast.ClassDef]:
        """Yield the classes with a base whose name ends in ``Dataset``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and any(
                self.full_name(base).endswith("Dataset") for base in node.bases
            ):
                yield node

    def _loader_variables(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Assign() if self.is_loader_call(node.value):
                    for target in node.targets:
                        if isinstance(target, (ast.Name, ast.Attribute)):
                            yield ast.unparse(target)
                case ast.AnnAssign() if self._is_loader_class(node.annotation):
                    yield ast.unparse(node.target)
                case ast.arg(annotation=ast.expr() as annotation):
                    if self._is_loader_class(annotation):
                        yield node.arg

    def _is_loader_class(self, annotation: ast.expr) -> bool:
        if isinstance(annotation, ast.Subscript):  # DataLoader[int]
            annotation = annotation.value
        return self.full_name(annotation).rpartition(".")[2] in _LOADER_CLASSES


def _imported_names(tree: ast.Module) -> dict[str, str]:
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                imported[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return imported
