"""All files of a run: names are followed from file to file.

A file is parsed when a rule first needs the file. The rules ask the project what a name
refers to, which classes are datasets, and which expressions are loaders.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from dejabatch.lint.module import FUNCTIONS, Import, Item, Module, Opaque, Value
from dejabatch.lint.source import Source, UnreadableError

_DEEPEST: Final = 8
"""Number of names that are followed from one expression."""

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<dots>\.*)[ \t]*(?P<base>[\w.]*)[ \t]+import[ \t]+"
    r"(?P<names>\([^)]*\)|[^\n#]+)|import[ \t]+(?P<plain>\w[\w., \t]*))",
    re.MULTILINE,
)
_DATASET: Final = re.compile(r"(Dataset|DataPipe|ImageFolder|DatasetFolder)$")
_SAMPLER: Final = re.compile(r"Sampler$")


class Definition(NamedTuple):
    """A value of an expression, and the file that has the value."""

    module: Module
    node: Value


class Class(NamedTuple):
    """A class, and the file that defines the class."""

    module: Module
    node: ast.ClassDef


class Project:
    """The files of a run.

    Parameters
    ----------
    sources : iterable of Source
        The texts of all files.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = {source.path: source for source in sources}
        self.unreadable: dict[str, UnreadableError] = {}
        self._modules: dict[str, Module | None] = {}
        self._mentions: dict[str, bool] = {}
        self._values: dict[ast.AST, list[Definition]] = {}
        self._set_by_helpers: dict[ast.AST, set[str]] = {}
        self._returned: dict[ast.AST, list[Definition]] = {}
        self._imports: dict[str, set[str]] = {}
        self._folders: dict[str, tuple[str, ...]] = {}
        self._by_parts: dict[tuple[str, ...], str] = {}
        self._by_last: dict[str, list[tuple[str, ...]]] = {}
        for path in self.sources:
            parts = _parts(path)
            self._by_parts.setdefault(parts, path)
            if parts:
                self._by_last.setdefault(parts[-1], []).append(parts)

    def module(self, path: str) -> Module | None:
        """Return the parsed file, or None if the file is not Python."""
        if path not in self._modules:
            try:
                self._modules[path] = Module.parse(self.sources[path])
            except UnreadableError as error:
                self.unreadable[path] = error
                self._modules[path] = None
        return self._modules[path]

    def mentions(self, pattern: str) -> bool:
        """Return whether a regular expression matches in any file of the run."""
        if pattern not in self._mentions:
            search = re.compile(pattern).search
            self._mentions[pattern] = any(
                search(source.text) for source in self.sources.values()
            )
        return self._mentions[pattern]

    # Names

    def values(
        self, module: Module, node: ast.AST | None, depth: int = 0
    ) -> list[Definition]:
        """Return the possible values of an expression, with all names followed.

        Parameters
        ----------
        module : Module
            The file of the expression.
        node : ast.AST or None
            The expression.
        depth : int
            How many names led to the expression.

        Returns
        -------
        list of Definition
            Functions, classes, arguments and expressions. Empty for a name of another
            project.
        """
        if node is None or depth > _DEEPEST:
            return []
        if isinstance(node, ast.IfExp):
            branches = (node.body, node.orelse)
            return [d for b in branches for d in self.values(module, b, depth + 1)]
        if isinstance(node, ast.BoolOp):
            return [d for b in node.values for d in self.values(module, b, depth + 1)]
        if isinstance(node, ast.NamedExpr):
            return self.values(module, node.value, depth + 1)
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return [Definition(module, node)]
        if node not in self._values:
            # A name that is defined by itself, as in `x = x or 1`, ends here.
            self._values[node] = []
            found = []
            for definition in self.lookup(module, node, depth):
                if isinstance(definition.node, (Item, Opaque)):
                    found.append(definition)
                else:
                    found += self.values(definition.module, definition.node, depth + 1)
            self._values[node] = found
        return self._values[node]

    def lookup(
        self, module: Module, node: ast.Name | ast.Attribute, depth: int = 0
    ) -> list[Definition]:
        """Return what a name or an attribute is bound to, with one name followed."""
        if isinstance(node, ast.Name):
            return self._lookup_name(module, node, depth)
        owner = node.value
        if isinstance(owner, ast.Name):
            method = module.function(node)
            around = module.class_of(node)
            if around is not None and owner.id == _first_argument(method):
                return self.members(Class(module, around), node.attr)
            while around is not None and isinstance(method, FUNCTIONS):
                method = module.function(method)
                if owner.id == _first_argument(method):
                    return self.members(Class(module, around), node.attr)
        full = _imported_name(module, node)
        if full is not None:
            return self._imported(module, full, depth)
        found = []
        for definition in self.values(module, owner, depth + 1):
            cls = self.class_of_instance(definition) or _as_class(definition)
            if cls is not None:
                found += self.members(cls, node.attr)
        return found

    def _lookup_name(
        self, module: Module, node: ast.Name, depth: int
    ) -> list[Definition]:
        scope = module.scope(node)
        if isinstance(scope, ast.ClassDef):
            own = module.bindings(scope).get(node.id)
            if own:
                return [Definition(module, value) for value in own]
        for outer in (scope, *module.ancestors(scope)):
            if isinstance(outer, (*FUNCTIONS, ast.Module)):
                values = module.bindings(outer).get(node.id)
                if values:
                    return [Definition(module, value) for value in values]
        imported = module.imported.get(node.id)
        if imported is not None:
            return self._imported(module, imported, depth)
        return self._from_stars(module, node.id, depth)

    def _from_stars(self, module: Module, name: str, depth: int) -> list[Definition]:
        for star in module.star_imports:
            prefix = f"{star.name}." if star.name else ""
            full = Import(f"{prefix}{name}", star.level)
            found = self._imported(module, full, depth + 1)
            if found:
                return found
        return []

    def _imported(self, module: Module, name: Import, depth: int) -> list[Definition]:
        """Return what an imported name is bound to in its own file."""
        if depth > _DEEPEST:
            return []
        parts = tuple(name.name.split("."))
        for length in range(len(parts), -1, -1):
            if not length and not name.level:
                break
            path = self._find(parts[:length], name.level, module.source.path)
            found = self.module(path) if path is not None else None
            if found is None:
                continue
            rest = parts[length:]
            if not rest:
                return [Definition(found, found.tree)]
            definitions = self._attribute_of_module(found, rest[0], depth + 1)
            for attribute in rest[1:]:
                definitions = [
                    member
                    for definition in definitions
                    if (cls := _as_class(definition))
                    for member in self.members(cls, attribute)
                ]
            if definitions or length:
                return definitions
        return []

    def _attribute_of_module(
        self, module: Module, name: str, depth: int
    ) -> list[Definition]:
        values = module.bindings(module.tree).get(name)
        if values:
            return [Definition(module, value) for value in values]
        if name in module.imported and depth <= _DEEPEST:
            return self._imported(module, module.imported[name], depth)
        return self._from_stars(module, name, depth) if depth <= _DEEPEST else []

    def _find(self, parts: tuple[str, ...], level: int, importer: str) -> str | None:
        """Return the file of an imported module, or None."""
        if importer not in self._folders:
            absolute = os.path.abspath(importer)  # noqa: PTH100
            self._folders[importer] = tuple(absolute.split(os.sep))[:-1]  # noqa: PTH206
        folder = self._folders[importer]
        if level:
            base = folder[: len(folder) - level + 1]
            return self._by_parts.get((*base, *parts))
        if not parts:
            return None
        if parts[-1] not in self._by_last:
            return None
        for length in range(len(folder), 0, -1):
            path = self._by_parts.get((*folder[:length], *parts))
            if path is not None:
                return path
        candidates = [
            known
            for known in self._by_last.get(parts[-1], [])
            if known[-len(parts) :] == parts
        ]
        # A single name such as `utils` may be another project's.
        if len(candidates) == 1 and len(parts) > 1:
            return self._by_parts[candidates[0]]
        return None

    def imports(self, path: str) -> set[str]:
        """Return the files of the run that a file imports; the file is not parsed."""
        if path not in self._imports:
            found = set()
            for match in _IMPORT.finditer(self.sources[path].text):
                if match["plain"]:
                    names = [name.split()[0] for name in match["plain"].split(",")]
                    modules = [(0, tuple(name.split("."))) for name in names]
                else:
                    level = len(match["dots"])
                    base = tuple(filter(None, match["base"].split(".")))
                    modules = [(level, base)]
                    for name in re.findall(r"\w+", match["names"]):
                        modules.append((level, (*base, name)))
                for level, parts in modules:
                    file = self._find(parts, level, path)
                    if file is not None:
                        found.add(file)
            self._imports[path] = found - {path}
        return self._imports[path]

    # Classes

    def members(self, cls: Class, name: str) -> list[Definition]:
        """Return what an attribute of a class or of its instances is bound to."""
        for module, node in self.lineage(cls):
            own = module.bindings(node).get(name, [])
            if any(isinstance(value, FUNCTIONS) for value in own):
                return [Definition(module, value) for value in own]
            stored = [
                value
                for target, value in module.stored_attributes().get(name, [])
                if _is_attribute_of(module, node, target)
            ]
            if own or stored:
                return [Definition(module, value) for value in (*own, *stored)]
        return []

    def lineage(self, cls: Class) -> list[Class]:
        """Return a class and the classes of the run that it inherits from."""
        found = [cls]
        for module, node in found:
            for base in _bases(node):
                for definition in self.values(module, base):
                    inherited = _as_class(definition)
                    if inherited is not None and inherited not in found:
                        found.append(inherited)
            if len(found) > 4 * _DEEPEST:
                break
        return found

    def base_names(self, cls: Class) -> set[str]:
        """Return the full names of all bases."""
        names: set[str] = set()
        for module, node in self.lineage(cls):
            names |= {module.full_name(base) for base in _bases(node)}
        return names

    def is_dataset(self, cls: Class) -> bool:
        """Return whether a class is a dataset, by the names of its bases."""
        return any(
            _DATASET.search(name) or name.startswith("torchvision.datasets.")
            for name in self.base_names(cls)
        )

    def is_sampler(self, cls: Class) -> bool:
        """Return whether a class is a sampler, by the names of its bases."""
        return any(_SAMPLER.search(name) for name in self.base_names(cls))

    def class_of_instance(self, definition: Definition) -> Class | None:
        """Return the class that a call such as ``Photographs(path)`` instantiates."""
        module, node = definition
        if not isinstance(node, ast.Call):
            return None
        for found in self.values(module, node.func):
            cls = _as_class(found)
            if cls is not None:
                return cls
        return None

    def classes(self, module: Module) -> Iterator[Class]:
        """Yield the classes of a file."""
        for node in module.walk(ast.ClassDef):
            yield Class(module, node)

    def methods(self, cls: Class) -> dict[str, Definition]:
        """Return the methods of a class, inherited ones included, by name."""
        found: dict[str, Definition] = {}
        for module, node in self.lineage(cls):
            for statement in node.body:
                if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    found.setdefault(statement.name, Definition(module, statement))
        return found

    def reachable(self, cls: Class, *entries: str) -> list[Definition]:
        """Return the methods that run when one of the entries runs."""
        methods = self.methods(cls)
        names = [name for name in entries if name in methods]
        for name in names:
            module, node = methods[name]
            if not isinstance(node, ast.AST):
                continue
            for inner in module.walk(ast.Attribute, node):
                is_own = isinstance(inner.value, ast.Name) and inner.value.id in {
                    "self",
                    "cls",
                }
                called = is_own or module.called_name(inner.value) == "super"
                if called and inner.attr in methods and inner.attr not in names:
                    names.append(inner.attr)
        return [methods[name] for name in names]

    def set_by_helpers(self, cls: Class) -> set[str]:
        """Return the attributes that functions set which methods pass ``self``.

        Functions that only the constructor calls are left out.
        """
        if cls.node not in self._set_by_helpers:
            self._set_by_helpers[cls.node] = {
                attribute
                for name, (module, method) in self.methods(cls).items()
                if name != "__init__" and isinstance(method, FUNCTIONS)
                for call in module.calls(method)
                for position, argument in enumerate(call.args)
                if isinstance(argument, ast.Name)
                and argument.id == _first_argument(method)
                for helper in self.values(module, call.func)
                for attribute in _set_on_argument(helper, position)
            }
        return self._set_by_helpers[cls.node]

    # Functions

    def returned(self, definition: Definition) -> list[Definition]:
        """Return what a function returns."""
        module, function = definition
        if isinstance(function, ast.Lambda):
            return [Definition(module, function.body)]
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        if function not in self._returned:
            self._returned[function] = [
                Definition(module, node.value)
                for node in module.walk(ast.Return, function)
                if node.value is not None and module.function(node) is function
            ]
        return self._returned[function]


def _parts(path: str) -> tuple[str, ...]:
    """Return the folders and the name of a module: ``(..., "package", "module")``."""
    stem, _ = os.path.splitext(os.path.abspath(path))  # noqa: PTH100, PTH122
    parts = tuple(stem.split(os.sep))  # noqa: PTH206
    return parts[:-1] if parts[-1] == "__init__" else parts


def _imported_name(module: Module, node: ast.Attribute) -> Import | None:
    """Return the full name of an attribute of an imported module or class."""
    names: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        names.insert(0, inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return None
    imported = module.imported.get(inner.id)
    if imported is None:
        return None
    return Import(".".join([*filter(None, [imported.name]), *names]), imported.level)


def _bases(cls: ast.ClassDef) -> list[ast.expr]:
    """Return the bases of a class, ``Dataset`` for ``Dataset[int]``."""
    return [b.value if isinstance(b, ast.Subscript) else b for b in cls.bases]


def _as_class(definition: Definition) -> Class | None:
    module, node = definition
    return Class(module, node) if isinstance(node, ast.ClassDef) else None


def _first_argument(function: ast.AST) -> str | None:
    if not isinstance(function, FUNCTIONS):
        return None
    arguments = [*function.args.posonlyargs, *function.args.args]
    return arguments[0].arg if arguments else None


def _set_on_argument(helper: Definition, position: int) -> set[str]:
    """Return the attributes of an argument that a function outside of classes sets."""
    module, function = helper
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return set()
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    # `Base.__init__(self)` sets what the class itself sets.
    if module.class_of(function) is not None or position >= len(names):
        return set()
    return {
        node.attr
        for node in module.walk(ast.Attribute, function)
        if isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == names[position]
    }


def _is_attribute_of(module: Module, cls: ast.ClassDef, target: ast.AST) -> bool:
    """Return whether an assignment's target is ``self.name`` in a method of a class."""
    return (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id in {"self", "cls", cls.name}
        and module.class_of(target) is cls
    )
