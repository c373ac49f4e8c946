"""One parsed file: its syntax tree, and the values of its names."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self, TypeAlias, TypeVar

from dejabatch.lint.source import Source, UnreadableError

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope: TypeAlias = Function | ast.Module | ast.ClassDef
Node = TypeVar("Node", bound=ast.AST)

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_ASSIGNING: Final = (
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.NamedExpr,
    ast.For,
    ast.AsyncFor,
    ast.comprehension,
    ast.withitem,
)
# Nodes such as `ast.Load()` are shared by the whole tree.
_TOKENS: Final = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
SCOPES: Final = (*FUNCTIONS, ast.Module, ast.ClassDef)


class Item(NamedTuple):
    """One element of an unpacked value, as `b` in ``a, b = value``."""

    value: ast.expr
    position: int


class Opaque(NamedTuple):
    """A value that the source does not show, such as a loop variable."""

    node: ast.AST


class Import(NamedTuple):
    """An imported name: the full name, and the dots of a relative import."""

    name: str
    level: int = 0


Value: TypeAlias = ast.AST | Item | Opaque
"""A value of a name: a definition, an expression, an argument, and others."""


@dataclass(slots=True, eq=False)
class Module:
    """A parsed file.

    Attributes
    ----------
    source : Source
        The text.
    tree : ast.Module
        The syntax tree.
    parents : dict of ast.AST to ast.AST
        The parent of each node.
    by_type : dict of type to list of ast.AST
        The nodes of each class, from the outside in.
    imported : dict of str to Import
        The imported names of the file.
    star_imports : list of Import
        The modules of ``from module import *``.
    """

    source: Source
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(init=False, default_factory=dict)
    by_type: dict[type[ast.AST], list[ast.AST]] = field(
        init=False, default_factory=dict
    )
    imported: dict[str, Import] = field(init=False, default_factory=dict)
    star_imports: list[Import] = field(init=False, default_factory=list)
    _bindings: dict[ast.AST, dict[str, list[Value]]] = field(
        init=False, default_factory=dict
    )
    _stored: dict[str, list[tuple[ast.AST, Value]]] | None = field(
        init=False, default=None
    )

    def __post_init__(self) -> None:
        nodes: list[ast.AST] = [self.tree]
        by_type, parents = self.by_type, self.parents
        for node in nodes:
            by_type.setdefault(type(node), []).append(node)
            # ast.iter_child_nodes takes twice as long.
            for value in vars(node).values():
                if isinstance(value, list):
                    children = [item for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST) and not isinstance(value, _TOKENS):
                    children = [value]
                else:
                    continue
                for child in children:
                    parents[child] = node
                nodes += children
        for node in self.walk(ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self.imported[name] = Import(alias.name if alias.asname else name)
        for node in self.walk(ast.ImportFrom):
            prefix = f"{node.module}." if node.module else ""
            for alias in node.names:
                if alias.name == "*":
                    self.star_imports.append(Import(node.module or "", node.level))
                else:
                    full = Import(f"{prefix}{alias.name}", node.level)
                    self.imported[alias.asname or alias.name] = full

    @classmethod
    def parse(cls, source: Source) -> Self:
        """Parse a source.

        Raises
        ------
        UnreadableError
            If the source is not Python.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about "\d" and the like
                return cls(source, _parsed(source))
        except SyntaxError as error:
            line, column = error.lineno or 1, error.offset or 1
            msg = f"the file is not valid Python: {error.msg}"
            raise UnreadableError(msg, max(line, 1), max(column, 1)) from error
        except (ValueError, RecursionError, MemoryError) as error:
            msg = f"the file cannot be parsed: {error}"
            raise UnreadableError(msg) from error

    def walk(self, kind: type[Node], inside: ast.AST | None = None) -> Iterator[Node]:
        """Yield the nodes of one class, in the whole file or inside a node."""
        if inside is None or inside is self.tree:
            nodes = self.by_type.get(kind, [])
        else:
            nodes = list(ast.walk(inside))
        for node in nodes:
            if isinstance(node, kind):
                yield node

    def calls(self, inside: ast.AST | None = None) -> Iterator[ast.Call]:
        """Yield the calls inside a node, by default in the whole file."""
        return self.walk(ast.Call, inside)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Yield the functions that have a name."""
        yield from self.walk(ast.FunctionDef)
        yield from self.walk(ast.AsyncFunctionDef)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def scope(self, node: ast.AST) -> Scope:
        """Return the function, class or module that a node stands in."""
        for outer in self.ancestors(node):
            if isinstance(outer, SCOPES):
                return outer
        return self.tree

    def function(self, node: ast.AST) -> Function | ast.Module:
        """Return the innermost function around a node, or else the module."""
        for outer in self.ancestors(node):
            if isinstance(outer, FUNCTIONS):
                return outer
        return self.tree

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the innermost class around a node."""
        for outer in self.ancestors(node):
            if isinstance(outer, ast.ClassDef):
                return outer
        return None

    def full_name(self, node: ast.AST | None) -> str:
        """Return the full name of the object that an expression refers to, or ""."""
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        if not isinstance(node, ast.Name):
            return ""
        imported = self.imported.get(node.id)
        if imported is None:
            return node.id
        return "." * imported.level + imported.name

    def called_name(self, node: Value) -> str:
        """Return the full name of the object that a call calls; "" for other nodes."""
        return self.full_name(node.func) if isinstance(node, ast.Call) else ""

    def bindings(self, scope: ast.AST) -> dict[str, list[Value]]:
        """Return the values that a function, class or module binds to its names."""
        if scope not in self._bindings:
            self._bindings[scope] = _bindings(scope)
        return self._bindings[scope]

    def stored_attributes(self) -> dict[str, list[tuple[ast.AST, Value]]]:
        """Return the assignments to attributes, by the attribute's name.

        Each assignment is the target and the value.
        """
        if self._stored is None:
            self._stored = {}
            nodes = [n for kind in _ASSIGNING for n in self.by_type.get(kind, ())]
            for target, value in _assignments(nodes):
                if isinstance(target, ast.Attribute):
                    self._stored.setdefault(target.attr, []).append((target, value))
        return self._stored

    def place(self, node: ast.AST) -> str:
        """Return a node's place in the words of a message: ``train.py:12``."""
        line = getattr(node, "lineno", 1)
        if self.source.cells:
            cell, line = self.source.cells[min(line, len(self.source.cells)) - 1]
            return f"{self.source.path}:cell {cell}:{line}"
        return f"{self.source.path}:{line}"


def _parsed(source: Source) -> ast.Module:
    try:
        return ast.parse(source.text, filename=source.path)
    except SyntaxError:
        if not source.cells:
            raise
    # Only the cells that are not Python are left out.
    lines = source.text.split("\n")
    numbers = sorted({cell for cell, _ in source.cells})
    for number in numbers:
        own = [i for i, (cell, _) in enumerate(source.cells) if cell == number]
        try:
            ast.parse("\n".join(lines[i] for i in own))
        except SyntaxError:
            for i in own:
                lines[i] = ""
    return ast.parse("\n".join(lines), filename=source.path)


def _bindings(scope: ast.AST) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {}
    if isinstance(scope, FUNCTIONS):
        arguments = scope.args
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *filter(None, (arguments.vararg, arguments.kwarg)),
        ):
            found.setdefault(argument.arg, []).append(argument)
    own = list(_own_nodes(scope))
    for target, value in _assignments(n for n in own if isinstance(n, _ASSIGNING)):
        if isinstance(target, ast.Name):
            found.setdefault(target.id, []).append(value)
    for node in own:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(node.name, []).append(node)
    return found


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of functions and classes in it."""
    stack = list(ast.iter_child_nodes(scope))[::-1]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            stack += list(ast.iter_child_nodes(node))[::-1]


def _assignments(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.AST, Value]]:
    """Yield the targets of assignments, each with its value."""
    for node in nodes:
        match node:
            case ast.Assign():
                for target in node.targets:
                    yield from _unpacked(target, node.value)
            case ast.AnnAssign(value=ast.expr() as value):
                yield node.target, value
            case ast.AnnAssign():
                yield node.target, Opaque(node)
            case ast.AugAssign() | ast.NamedExpr():
                yield node.target, node.value
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                for part in ast.walk(node.target):
                    yield part, Opaque(node)
            case ast.withitem(optional_vars=ast.expr() as target):
                yield target, node.context_expr


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.AST, Value]]:
    if not isinstance(target, (ast.Tuple, ast.List)):
        yield target, value
        return
    same_length = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(
        target.elts
    )
    for index, part in enumerate(target.elts):
        if same_length and isinstance(value, (ast.Tuple, ast.List)):
            yield from _unpacked(part, value.elts[index])
        elif isinstance(part, (ast.Name, ast.Attribute)):
            yield part, Item(value, index)
