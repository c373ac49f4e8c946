"""Recognise loaders and the arguments with which they are made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from dejabatch.lint.conditions import is_for_evaluation_only
from dejabatch.lint.module import FUNCTIONS, Item, Module, Opaque, Value
from dejabatch.lint.origins import WORKER, Frame, default_value, frame_of_call
from dejabatch.lint.project import Class, Definition, Project

_LOADER_CLASS: Final = re.compile(
    r"^(?!.*(Infinite|Cycl|Endless|Forever)).*DataLoader$"
)
_OTHER_FRAMEWORK: Final = re.compile(
    r"^(paddle|mxnet|gluon|tensorflow|mindspore|jittor|grain|keras|oneflow|dgl|jax)\b"
)
_LOADER_NAME: Final = re.compile(
    r"^_*(\w+_)?(data_?)?loader(_?(train|val|valid|test|eval|unlabell?ed|labell?ed|"
    r"u|l|x|s|t|src|tgt|source|target|[a-z]?\d?))?$|^(train|val|valid|test)_?dl$"
    r"|^(train|val|valid|test|dev|eval)_?(data_?)?loader$|^(\w+_)?data_?loader$",
    re.IGNORECASE,
)
# A loader of one of these names is not trained on.
_EVALUATION: Final = re.compile(
    r"(^|_|\b)(val|valid|validation|test|testing|eval|evaluation|evaluate|infer"
    r"|inference|predict|demo|dev|query|gallery)(_|\b|set|loader|data|dataset|$)"
    r"|(val|test|eval)_?(data_?)?(loader|set)",
    re.IGNORECASE,
)
_TRAINING: Final = re.compile(r"train", re.IGNORECASE)
_PARTIALS: Final = {"functools.partial", "partial"}

KNOWN: Final = 2
BY_NAME: Final = 1


class Arguments(NamedTuple):
    """The keyword arguments of a call, with those of ``**kwargs``."""

    values: Mapping[str, Definition]
    complete: bool
    """Whether no other keyword argument is possible."""


@dataclass(frozen=True, slots=True)
class WorkerInit:
    """A place that passes a ``worker_init_fn``.

    Attributes
    ----------
    module : Module
        The file of the place.
    node : ast.AST
        The call, dictionary or assignment.
    frames : tuple of Frame
        The functions that the workers may call, with their arguments.
    arguments : Arguments
        The other arguments of the loader.
    """

    module: Module
    node: ast.AST
    frames: tuple[Frame, ...]
    arguments: Arguments


class Loaders:
    """The loaders of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._judged: dict[tuple[ast.AST, int | None, int], int] = {}
        self._is_loader_call: dict[ast.AST, bool] = {}
        self._passed: dict[tuple[str, str], list[tuple[ast.Call, ast.ClassDef]]] = {}

    def is_loader_call(self, module: Module, node: ast.AST) -> bool:
        """Return whether a node is a call of a DataLoader class."""
        if not isinstance(node, ast.Call):
            return False
        if node not in self._is_loader_call:
            self._is_loader_call[node] = self._calls_a_loader_class(module, node)
        return self._is_loader_call[node]

    def _calls_a_loader_class(self, module: Module, node: ast.Call) -> bool:
        name = module.called_name(node)
        last = name.rpartition(".")[2]
        # A class has a capital letter; most calls are of functions.
        if not last[:1].isupper() and not last.startswith("_"):
            return False
        if _OTHER_FRAMEWORK.match(name):
            return False
        for definition in self.project.values(module, node.func):
            if isinstance(definition.node, ast.ClassDef):
                return self._is_loader_class(Class(definition.module, definition.node))
            return False
        return bool(_LOADER_CLASS.match(last))

    def _is_loader_class(self, cls: Class) -> bool:
        inherits = any(
            _LOADER_CLASS.match(name.rpartition(".")[2])
            and not _OTHER_FRAMEWORK.match(name)
            for name in self.project.base_names(cls)
        )
        # A subclass with its own __iter__ may restart, repeat or cache as it likes.
        return inherits and "__iter__" not in self.project.methods(cls)

    def is_loader(self, module: Module, node: ast.AST) -> int:
        """Return `KNOWN` or `BY_NAME` for a loader, and 0 for other expressions."""
        return self._judge(module, node, 0)

    def _judge(
        self, module: Module, node: ast.AST, depth: int, index: int | None = None
    ) -> int:
        """Return what `is_loader` returns, for an element of a call's result, too."""
        if depth > 6:
            return 0
        # Functions that return calls of each other would be judged exponentially often.
        key = node, index, depth
        if key not in self._judged:
            self._judged[key] = 0
            self._judged[key] = self._judge_afresh(module, node, depth, index)
        return self._judged[key]

    def _judge_afresh(
        self, module: Module, node: ast.AST, depth: int, index: int | None
    ) -> int:
        if index is not None and isinstance(node, ast.Call):
            return self._judge_result(module, node, index, depth)
        if isinstance(node, ast.Call):
            if self.is_loader_call(module, node):
                return KNOWN
            return self._judge_result(module, node, None, depth)
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return 0
        last = node.id if isinstance(node, ast.Name) else node.attr
        named = BY_NAME if _LOADER_NAME.match(last) else 0
        definitions = self.project.values(module, node)
        if not definitions:
            return named
        judged = [self._judge_value(d, named, depth) for d in definitions]
        return max(judged)

    def _judge_value(self, definition: Definition, named: int, depth: int) -> int:
        module, value = definition
        statement = module.parents.get(value) if isinstance(value, ast.AST) else None
        if isinstance(statement, ast.AnnAssign):
            value = Opaque(statement)
        match value:
            case ast.arg():
                if value.annotation is not None:
                    text = ast.unparse(value.annotation)
                    if "DataLoader" in text and not re.search(
                        "List|Dict|list|dict", text
                    ):
                        return KNOWN
                    if not re.search(r"Iterable|Any|\bdata\.", text):
                        return 0
                return named
            case Opaque(ast.AnnAssign(annotation=annotation)):
                return KNOWN if "DataLoader" in ast.unparse(annotation) else named
            case Item(value=ast.Call() as call, position=index):
                return self._judge(module, call, depth, index) or named
            case ast.Call():
                if self.is_loader_call(module, value):
                    return KNOWN
                if _makes_something_else(module, value):
                    return 0
                followed = self.project.values(module, value.func)
                if followed and self.project.class_of_instance(definition):
                    return 0
                result = self._judge_result(module, value, None, depth)
                return result or (0 if followed else named)
            case ast.Constant(value=None):
                return 0
            case ast.Subscript():
                return named
        return 0

    def _judge_result(
        self, module: Module, call: ast.Call, index: int | None, depth: int
    ) -> int:
        """Return whether a function of the run returns a loader."""
        name = module.called_name(call).rpartition(".")[2]
        if name in {"prepare", "setup_dataloaders", "prepare_data_loader"}:
            arguments = call.args
            if index is None:
                return self._judge(module, arguments[0], depth + 1) if arguments else 0
            if index < len(arguments):
                return self._judge(module, arguments[index], depth + 1)
            return 0
        best = 0
        for definition in self.project.values(module, call.func):
            for inner, result in self.project.returned(definition):
                part = result if index is None else _element(result, index)
                if isinstance(part, ast.AST):
                    best = max(best, self._judge(inner, part, depth + 1))
        return best

    def classes_passed(
        self, module: Module, argument: str
    ) -> list[tuple[ast.Call, ast.ClassDef]]:
        """Return the loaders of a file, each with the class of one of its arguments."""
        key = module.source.path, argument
        if key not in self._passed:
            self._passed[key] = [
                (call, made.node)
                for call in module.calls()
                if self.is_loader_call(module, call)
                for passed in [self.arguments(module, call).values.get(argument)]
                if passed is not None and isinstance(passed.node, ast.AST)
                for value in self.project.values(passed.module, passed.node)
                if (made := self.project.class_of_instance(value)) is not None
            ]
        return self._passed[key]

    # Arguments

    def arguments(self, module: Module, call: ast.Call) -> Arguments:
        """Return the keyword arguments of a call; ``**kwargs`` are followed."""
        found: dict[str, Definition] = {}
        complete = True
        for keyword in call.keywords:
            if keyword.arg is not None:
                found[keyword.arg] = Definition(module, keyword.value)
                continue
            entries = self._entries(module, keyword.value)
            if entries is None:
                complete = False
            else:
                found |= entries
        if self.is_loader_call(module, call):
            names = ("dataset", "batch_size", "shuffle", "sampler", "batch_sampler",
                     "num_workers", "collate_fn")  # fmt: skip
            for name, value in zip(names, call.args, strict=False):
                found.setdefault(name, Definition(module, value))
        return Arguments(found, complete)

    def _entries(self, module: Module, node: ast.expr) -> dict[str, Definition] | None:
        """Return the entries of a dictionary, or None if they are not known."""
        found: dict[str, Definition] = {}
        definitions = self.project.values(module, node)
        if not definitions:
            return None
        for inner, value in definitions:
            match value:
                case ast.Dict():
                    for key, entry in zip(value.keys, value.values, strict=True):
                        if isinstance(key, ast.Constant) and isinstance(key.value, str):
                            found[key.value] = Definition(inner, entry)
                case ast.Call() if inner.called_name(value) == "dict":
                    for keyword in value.keywords:
                        if keyword.arg:
                            found[keyword.arg] = Definition(inner, keyword.value)
                case _:
                    return None
        if isinstance(node, ast.Name):
            for owner, name, stored in subscript_stores(module):
                if owner == node.id:
                    found[name] = Definition(module, stored)
        return found

    def constant(self, definition: Definition | None) -> object:
        """Return the constant that a value is, or Ellipsis."""
        if definition is None or not isinstance(definition.node, ast.AST):
            return ...
        values = self.project.values(definition.module, definition.node)
        if len(values) == 1 and isinstance(values[0].node, ast.Constant):
            return values[0].node.value
        return ...

    def has_workers(self, module: Module, node: ast.AST, arguments: Arguments) -> bool:
        """Return whether a loader may have workers."""
        # Threads share the generator of the program.
        if self.constant(arguments.values.get("use_thread_workers")) is True:
            return False
        number = arguments.values.get("num_workers")
        if number is None:
            is_call = isinstance(node, ast.Call) and self.is_loader_call(module, node)
            return not (is_call and arguments.complete)
        return self.constant(number) != 0

    def has_persistent_workers(self, arguments: Arguments) -> bool:
        """Return whether a loader keeps its workers, as far as the source shows."""
        value = arguments.values.get("persistent_workers")
        if value is None:
            return False
        constant = self.constant(value)
        if constant is not ... or not isinstance(value.node, ast.AST):
            return constant is True
        # `num_workers > 0` and the like are true whenever there are workers.
        if re.search(r"num_workers|n_workers|\bworkers", ast.unparse(value.node)):
            return True
        return any(
            isinstance(found.node, ast.arg)
            and getattr(default_of(found), "value", None) is True
            for found in self.project.values(value.module, value.node)
        )

    def is_for_evaluation(self, module: Module, node: ast.AST) -> bool:
        """Return whether names or conditions around a loader say validation or test."""
        names = []
        child = node
        for outer in module.ancestors(node):
            match outer:
                case ast.Assign():
                    names += [ast.unparse(t) for t in outer.targets]
                case ast.keyword(arg=str() as name):
                    names.append(name)
                case ast.FunctionDef(name=name):
                    names.append(name)
                    break
                case ast.Dict() if child in outer.values:
                    key = outer.keys[outer.values.index(child)]
                    names.append(ast.unparse(key) if key else "")
            child = outer
        if isinstance(node, ast.Call) and node.args:
            names.append(ast.unparse(node.args[0]))
        text = " ".join(names)
        if _TRAINING.search(text):
            return False
        return bool(_EVALUATION.search(text)) or is_for_evaluation_only(module, node)

    # worker_init_fn

    def worker_inits(self, module: Module) -> Iterator[WorkerInit]:
        """Yield the places of a file that pass a ``worker_init_fn``."""
        if "worker_init_fn" not in module.source.text:
            return
        name = "worker_init_fn"
        for call in module.calls():
            if any(keyword.arg == name for keyword in call.keywords):
                arguments = self.arguments(module, call)
                yield self._init(module, call, arguments.values[name], arguments)
        for literal in module.walk(ast.Dict):
            entries = self._entries(module, literal) or {}
            if name in entries:
                arguments = Arguments(entries, complete=False)
                yield self._init(module, literal, entries[name], arguments)
        for owner, key, value in subscript_stores(module):
            if key == name:
                others = {
                    k: Definition(module, v)
                    for o, k, v in subscript_stores(module)
                    if o == owner
                }
                arguments = Arguments(others, complete=False)
                yield self._init(module, value, Definition(module, value), arguments)
        for _, stored in module.stored_attributes().get(name, []):
            if isinstance(stored, ast.AST):
                arguments = Arguments({}, complete=False)
                yield self._init(module, stored, Definition(module, stored), arguments)

    def _init(
        self, module: Module, node: ast.AST, value: Definition, arguments: Arguments
    ) -> WorkerInit:
        frames = tuple(self.callables(value, (WORKER,)))
        return WorkerInit(module, node, frames, arguments)

    def callables(
        self, value: Definition, roles: tuple[str, ...], depth: int = 0
    ) -> Iterator[Frame]:
        """Yield the functions that an expression may be.

        Parameters
        ----------
        value : Definition
            The expression.
        roles : tuple of str
            The origins of the arguments that the caller passes.
        depth : int
            How many functions led to the expression.
        """
        if depth > 4 or not isinstance(value.node, ast.AST):
            return
        for definition in self.project.values(value.module, value.node):
            module, node = definition
            if isinstance(node, FUNCTIONS):
                yield _frame(Frame(module, node), roles, bound_positions=0)
            elif isinstance(node, ast.Call):
                yield from self._called(definition, node, roles, depth)

    def _called(
        self, definition: Definition, node: ast.Call, roles: tuple[str, ...], depth: int
    ) -> Iterator[Frame]:
        """Yield the functions that the result of a call may be."""
        module = definition.module
        outer = Frame(module, module.function(node))
        if module.called_name(node) in _PARTIALS and node.args:
            inner = Definition(module, node.args[0])
            for frame in self.callables(inner, (), depth + 1):
                rest = ast.Call(node.func, node.args[1:], node.keywords)
                target = Definition(frame.module, frame.function)
                bound = frame_of_call(rest, target, outer)
                if bound is not None:
                    yield _frame(bound, roles, bound_positions=len(node.args) - 1)
            return
        cls = self.project.class_of_instance(definition)
        if cls is not None:
            method = self.project.methods(cls).get("__call__")
            if method is not None and isinstance(method.node, FUNCTIONS):
                yield _frame(Frame(method.module, method.node), roles, 0)
            return
        for function in self.project.values(module, node.func):
            for result in self.project.returned(function):
                yield from self.callables(result, roles, depth + 1)


def _frame(frame: Frame, roles: tuple[str, ...], bound_positions: int) -> Frame:
    """Return a frame whose free arguments have the roles of the caller's."""
    function = frame.function
    if not isinstance(function, FUNCTIONS):
        return frame
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    free = [name for name in names[bound_positions:] if name not in frame.bound]
    return Frame(
        frame.module, function, frame.bound, dict(zip(free, roles, strict=False))
    )


def subscript_stores(module: Module) -> Iterator[tuple[str, str, ast.expr]]:
    """Yield the assignments such as ``kwargs["key"] = value``."""
    for node in module.walk(ast.Assign):
        for target in node.targets:
            match target:
                case ast.Subscript(
                    value=ast.Name(id=name), slice=ast.Constant(value=str() as key)
                ):
                    yield name, key, node.value


def _element(value: Value, index: int) -> ast.expr | None:
    """Return one element of a tuple."""
    if isinstance(value, ast.Tuple) and index < len(value.elts):
        return value.elts[index]
    return None


def default_of(argument: Definition) -> ast.expr | None:
    """Return the default of an argument."""
    module, node = argument
    if not isinstance(node, ast.arg):
        return None
    return default_value(module.function(node), node)


def _makes_something_else(module: Module, call: ast.Call) -> bool:
    """Return whether a call surely does not return a loader."""
    name = module.called_name(call)
    return name in {
        "iter", "list", "tuple", "dict", "enumerate", "zip", "range", "open", "len",
        "itertools.cycle", "itertools.chain", "itertools.islice", "tqdm", "tqdm.tqdm",
    } or "jinja2" in name or "FileSystemLoader" in name or "yaml" in name  # fmt: skip
