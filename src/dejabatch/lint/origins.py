"""Find out what a seed is computed from: a constant, the worker, the epoch, and others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from dejabatch.lint.module import FUNCTIONS, Function, Item, Module, Opaque
from dejabatch.lint.project import Class, Definition, Project
from dejabatch.lint.source import Source

WORKER: Final = "the number of the worker"
EPOCH: Final = "the epoch"
INDEX: Final = "the index"
SETTING: Final = "a setting of the run"
RANK: Final = "the rank"
TIME: Final = "the clock"
STATE: Final = "NumPy's global state"
FRESH: Final = "a number that differs in each worker and epoch"
UNKNOWN: Final = "a value that the source does not show"

FIXED: Final = frozenset({SETTING, RANK})
"""Origins with one value in all workers and epochs of a process."""

_EPOCH: Final = re.compile(
    r"epoch|(^|_)(step|iter|iteration|round|it)s?($|_)", re.IGNORECASE
)
_SEED: Final = re.compile(r"seed|^(args?|cfg|conf|config|opts?|hparams|params|FLAGS)$")
_SETTINGS: Final = re.compile(
    r"^(args?|cfg|conf|config|configs|opts?|options?|hparams?|params|FLAGS|flags|"
    r"settings|self|hps?|hyp|arguments|parser|.*_(args|cfg|config|opts?))$",
    re.IGNORECASE,
)
_PLAIN: Final = {
    "int", "float", "str", "abs", "hash", "round", "min", "max", "sum", "len", "pow",
    "bool", "tuple", "list", "divmod", "numpy.uint32", "numpy.int32", "numpy.int64",
    "numpy.uint64", "numpy.random.SeedSequence", "torch.tensor", "numpy.array",
    "numpy.abs", "numpy.mod", "type",
}  # fmt: skip
_FRESH: Final = re.compile(
    r"^(torch\.(initial_seed|seed|rand\w*|empty|random\.(initial_seed|seed))"
    r"|torch\.(get_rng_state|random\.get_rng_state)"
    r"|numpy\.random\.(?!SeedSequence|get_state|default_rng|RandomState|Generator)\w+"
    r"|random\.(?!Random$)\w+|os\.(urandom|getpid)|secrets\.\w+|uuid\.\w+"
    r"|multiprocessing\.current_process|threading\.\w+)$"
)
_CLOCK: Final = re.compile(r"^(time\.\w+|datetime\.(datetime\.)?\w+)$")
_RANK: Final = re.compile(r"(^|[._])(get_)?(global_|local_|node_|world_)?(rank|size)$")
_RANK_NAME: Final = re.compile(r"^(global_|local_|node_)?rank$|^world_size$")
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that runs, with what is known about its arguments.

    Attributes
    ----------
    module : Module
        The file of the function.
    function : Function or ast.Module
        The function, or the file itself.
    bound : mapping of str to tuple
        The expression of an argument and the frame of that expression.
    roles : mapping of str to str
        The origin of the arguments that torch passes, such as the worker's number.
    followed : frozenset of str
        The arguments whose assignments in the function are being followed.
    """

    module: Module
    function: Function | ast.Module
    bound: Mapping[str, tuple[ast.expr, Frame]] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    followed: frozenset[str] = frozenset()


@dataclass(slots=True)
class Origins:
    """The sources of an expression.

    Attributes
    ----------
    kinds : set of str
        The origins; empty for a constant.
    trail : list of str
        The names and values that were followed, as parts of a sentence.
    """

    kinds: set[str] = field(default_factory=set)
    trail: list[str] = field(default_factory=list)

    def add(self, other: Origins) -> None:
        """Add the origins of a part."""
        self.kinds |= other.kinds
        self.trail += [text for text in other.trail if text not in self.trail]

    def is_fixed(self) -> bool:
        """Return whether all workers and epochs of a process have the same value."""
        return self.kinds <= FIXED


class Tracer:
    """Follow expressions to their origins, across the files of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._changed: dict[str, list[Source]] = {}

    def origins(self, expression: ast.AST, frame: Frame) -> Origins:
        """Return what an expression is computed from."""
        return self._of(expression, frame, 0)

    def _of(self, node: ast.AST, frame: Frame, depth: int) -> Origins:
        if depth > _DEEPEST:
            return Origins({UNKNOWN})
        match node:
            case ast.Constant():
                return Origins()
            case ast.Name():
                return self._name(node, frame, depth)
            case ast.Attribute():
                return self._attribute(node, frame, depth)
            case ast.Subscript():
                return self._subscript(node, frame, depth)
            case ast.Call():
                return self._call(node, frame, depth)
            case ast.NamedExpr():
                return self._of(node.value, frame, depth + 1)
            case ast.IfExp():
                return self._all((node.body, node.orelse), frame, depth)
            case ast.Compare():
                return Origins({UNKNOWN})
            case (
                ast.BinOp()
                | ast.UnaryOp()
                | ast.BoolOp()
                | ast.Tuple()
                | ast.List()
                | ast.JoinedStr()
                | ast.FormattedValue()
                | ast.Starred()
                | ast.Dict()
                | ast.Set()
            ):
                if isinstance(node, (ast.List, ast.Dict)) and not any(
                    True for _ in ast.iter_child_nodes(node) if isinstance(_, ast.expr)
                ):
                    # Other code fills the list.
                    return Origins({UNKNOWN})
                parts = [
                    n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)
                ]
                return self._all(parts, frame, depth)
        return Origins({UNKNOWN})

    def _all(self, nodes: Iterable[ast.AST], frame: Frame, depth: int) -> Origins:
        whole = Origins()
        for node in nodes:
            whole.add(self._of(node, frame, depth + 1))
        return whole

    def _name(self, node: ast.Name, frame: Frame, depth: int) -> Origins:
        if frame.module.function(node) is frame.function or _is_inside(
            frame.module, node, frame.function
        ):
            passed = self._passed(node, frame, depth)
            if passed is not None:
                return passed
        if _EPOCH.search(node.id):
            return Origins({EPOCH})
        if any(node.id in g.names for g in frame.module.walk(ast.Global)):
            return Origins({UNKNOWN})
        definitions = self.project.lookup(frame.module, node)
        if not definitions:
            known = bool(_SEED.search(node.id)) or node.id.isupper()
            return self._setting(node) if known else Origins({UNKNOWN})
        whole = Origins()
        for definition in definitions[:_DEEPEST]:
            whole.add(self._definition(node, definition, frame, depth))
        # The source does not show what a function such as `get_dist_info` returns.
        if UNKNOWN in whole.kinds and _RANK_NAME.match(node.id):
            return Origins({RANK}, [f"`{node.id}` is the rank"])
        return whole

    def _passed(self, node: ast.Name, frame: Frame, depth: int) -> Origins | None:
        """Return the origins of an argument that the call passes, or None."""
        name = node.id
        if name in frame.roles:
            role = frame.roles[name]
            found = Origins({role}, [f"`{name}` is {role}"])
        elif name in frame.bound:
            expression, outer = frame.bound[name]
            found = self._of(expression, outer, depth + 1)
            value = _short(expression)
            if value != name:
                found.trail.insert(0, f"`{name}` is `{value}`")
        else:
            return None
        if name not in frame.followed:
            # `seed = seed + worker_id` gives the argument another value.
            inner = replace(frame, followed=frame.followed | {name})
            for definition in self.project.lookup(frame.module, node):
                if not isinstance(definition.node, ast.arg):
                    found.add(self._definition(node, definition, inner, depth + 1))
        return found

    def _definition(
        self, name: ast.expr, definition: Definition, frame: Frame, depth: int
    ) -> Origins:
        """Return the origins of one value of a name."""
        module, value = definition
        text = _short(name)
        if isinstance(value, ast.arg):
            return self._argument(text, value, definition, frame, depth)
        if isinstance(value, Item):
            value = value.value
            if isinstance(value, ast.Call):
                called = module.called_name(value)
                if _FRESH.match(called):
                    return Origins({FRESH})
            return Origins({UNKNOWN})
        if isinstance(value, Opaque):
            if isinstance(value.node, ast.AnnAssign):
                return self._setting(name)
            return Origins({UNKNOWN})
        if isinstance(value, (*FUNCTIONS, ast.ClassDef, ast.Module)):
            return Origins({UNKNOWN})
        function = module.function(value)
        same = module is frame.module and function is frame.function
        inner = frame if same else Frame(module, function)
        found = self._of(value, inner, depth + 1)
        if isinstance(value, ast.Constant):
            where = "" if module is frame.module else f" ({module.place(value)})"
            found.trail.append(f"`{text}` is {value.value!r}{where}")
        elif not same and found.is_fixed():
            found.trail.insert(0, f"`{text}` is set once, at {module.place(value)}")
        return found

    def _argument(
        self,
        text: str,
        argument: ast.arg,
        definition: Definition,
        frame: Frame,
        depth: int,
    ) -> Origins:
        """Return the origins of an argument that no call in sight binds."""
        module = definition.module
        function = module.function(argument)
        if function is frame.function:
            default = default_value(function, argument)
            if default is not None:
                # The default holds unless a call passes the argument.
                found = self._of(default, Frame(module, frame.function), depth + 1)
                if found.is_fixed():
                    found.kinds.add(SETTING)
                return found
            if _SEED.search(text):
                return self._setting(ast.Name(text))
            return Origins({UNKNOWN})
        if _EPOCH.search(argument.arg):
            return Origins({EPOCH})
        name = getattr(function, "name", "a lambda")
        return Origins({SETTING}, [f"`{text}` is an argument of `{name}`"])

    def _attribute(self, node: ast.Attribute, frame: Frame, depth: int) -> Origins:
        if _EPOCH.search(node.attr):
            return Origins({EPOCH})
        owner = self._owner(node.value, frame)
        if owner == "worker_info":
            kinds = {"id": WORKER, "seed": FRESH, "num_workers": SETTING}
            return Origins({kinds.get(node.attr, UNKNOWN)})
        full = frame.module.full_name(node)
        if _RANK.search(full):
            return Origins({RANK}, [f"`{_short(node)}` is the rank"])
        cls = frame.module.class_of(node)
        if isinstance(node.value, ast.Name) and node.value.id == "self" and cls:
            return self._own_attribute(node, Class(frame.module, cls), depth)
        definitions = self.project.lookup(frame.module, node)
        if definitions:
            whole = Origins()
            for definition in definitions[:_DEEPEST]:
                whole.add(self._definition(node, definition, frame, depth))
            return whole
        root = full.partition(".")[0] or _root(node)
        if _SETTINGS.match(root) or "seed" in node.attr.lower():
            return self._setting(node)
        return Origins({UNKNOWN})

    def _own_attribute(self, node: ast.Attribute, cls: Class, depth: int) -> Origins:
        """Return the origins of ``self.name``."""
        whole = Origins()
        found = False
        for module, inherited in self.project.lineage(cls):
            for target, value in module.stored_attributes().get(node.attr, []):
                if module.class_of(target) is not inherited:
                    continue
                method = module.function(target)
                if getattr(method, "name", "") not in {"__init__", "__post_init__"}:
                    whole.kinds.add(UNKNOWN)
                    continue
                found = True
                if isinstance(value, ast.AST):
                    inner = Frame(module, method)
                    part = self._of(value, inner, depth + 1)
                    if UNKNOWN in part.kinds and _passes_on(value):
                        part = Origins({SETTING})
                    whole.add(part)
                else:
                    whole.kinds.add(UNKNOWN)
        if found and whole.is_fixed():
            helpers = self.project.set_by_helpers(cls)
            if node.attr in helpers or self._is_changed_elsewhere(node.attr, cls):
                return Origins({UNKNOWN})
            whole.kinds.add(SETTING)
            whole.trail.append(f"`{_short(node)}` is set in `__init__` only")
        elif not found and not whole.kinds:
            return (
                self._setting(node)
                if "seed" in node.attr.lower()
                else Origins({UNKNOWN})
            )
        return whole

    def _is_changed_elsewhere(self, name: str, cls: Class) -> bool:
        """Return whether code of the run assigns an attribute of other objects."""
        if name not in self._changed:
            search = re.compile(
                rf"(?<!self)(?<!cls)\.{re.escape(name)}\s*(?:[-+*/%|^]|//|<<)?=[^=]"
            ).search
            self._changed[name] = [
                source
                for source in self.project.sources.values()
                if f".{name}" in source.text and search(source.text)
            ]
        own = {module.source.path for module, _ in self.project.lineage(cls)}
        return any(
            cls.node.name in source.text or source.path in own
            for source in self._changed[name]
        )

    def _subscript(self, node: ast.Subscript, frame: Frame, depth: int) -> Origins:
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            if _EPOCH.search(node.slice.value):
                return Origins({EPOCH})
            if frame.module.full_name(node.value) == "os.environ":
                rank = "RANK" in node.slice.value
                return Origins({RANK}) if rank else self._setting(node)
            root = _root(node)
            if _SETTINGS.match(root) or "seed" in node.slice.value.lower():
                return self._setting(node)
        return self._of(node.value, frame, depth + 1)

    def _call(self, node: ast.Call, frame: Frame, depth: int) -> Origins:
        module = frame.module
        name = module.called_name(node)
        last = name.rpartition(".")[2]
        arguments = [*node.args, *(k.value for k in node.keywords)]
        if name == "numpy.random.get_state":
            return Origins({STATE}, ["`np.random.get_state()` is NumPy's global state"])
        if last == "get_worker_info":
            return Origins({UNKNOWN})
        if _FRESH.match(name):
            return Origins({FRESH})
        if _CLOCK.match(name):
            return Origins({TIME}, [f"`{_short(node)}` is the clock"])
        if last in {"get_rank", "get_world_size", "local_rank", "global_rank"}:
            return Origins({RANK}, [f"`{_short(node)}` is the rank"])
        if name in _PLAIN:
            return self._all(arguments, frame, depth)
        if name in {"os.environ.get", "os.getenv"}:
            text = ast.unparse(node)
            return Origins({RANK}) if "RANK" in text else self._setting(node)
        if name == "getattr" and len(node.args) > 1:
            return self._getattr(node)
        if isinstance(node.func, ast.Attribute):
            found = self._method(node, node.func, frame, depth)
            if found is not None:
                return found
        return self._result(node, frame, depth)

    def _getattr(self, node: ast.Call) -> Origins:
        name = node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            if _EPOCH.search(name.value):
                return Origins({EPOCH})
            if _SETTINGS.match(_root(node.args[0])):
                return self._setting(node)
        return Origins({UNKNOWN})

    def _method(
        self, node: ast.Call, function: ast.Attribute, frame: Frame, depth: int
    ) -> Origins | None:
        """Return the origins of a method's result, or None to follow the method."""
        arguments = [*node.args, *(k.value for k in node.keywords)]
        if function.attr == "get" and _SETTINGS.match(_root(function)):
            return self._setting(node)
        if function.attr in {"generate_state", "spawn", "item", "tolist", "hexdigest"}:
            return self._all([function.value, *arguments], frame, depth)
        if function.attr in {"random_", "seed", "bit_length", "integers", "randint"}:
            return Origins({FRESH})
        return None

    def _result(self, node: ast.Call, frame: Frame, depth: int) -> Origins:
        """Return the origins of what a function of the run returns."""
        whole = Origins()
        definitions = self.project.values(frame.module, node.func)
        for definition in definitions:
            inner = frame_of_call(node, definition, frame)
            results = self.project.returned(definition)
            if inner is None or not results:
                return Origins({UNKNOWN})
            for result in results:
                if isinstance(result.node, ast.AST):
                    whole.add(self._of(result.node, inner, depth + 2))
        return whole if definitions else Origins({UNKNOWN})

    def _owner(self, node: ast.expr, frame: Frame) -> str:
        """Return "worker_info" for what ``get_worker_info()`` returned."""
        if isinstance(node, ast.Call):
            last = frame.module.called_name(node).rpartition(".")[2]
            return "worker_info" if last == "get_worker_info" else ""
        if isinstance(node, ast.Name):
            for definition in self.project.values(frame.module, node):
                module, value = definition
                if isinstance(value, ast.Call):
                    last = module.called_name(value).rpartition(".")[2]
                    if last == "get_worker_info":
                        return "worker_info"
            if "worker_info" in node.id:
                return "worker_info"
        return ""

    @staticmethod
    def _setting(node: ast.AST) -> Origins:
        text = _short(node)
        return Origins({SETTING}, [f"`{text}` is one value for the whole run"])


def frame_of_call(
    call: ast.Call, definition: Definition, frame: Frame | None
) -> Frame | None:
    """Return the frame in which a call runs a function, or None for other objects."""
    module, function = definition
    if not isinstance(function, FUNCTIONS):
        return None
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    bound: dict[str, tuple[ast.expr, Frame]] = {}
    if frame is not None:
        bound = {
            name: (value, frame)
            for name, value in zip(names, call.args, strict=False)
            if not isinstance(value, ast.Starred)
        }
        bound |= {k.arg: (k.value, frame) for k in call.keywords if k.arg}
    return Frame(module, function, bound)


def _is_inside(module: Module, node: ast.AST, function: ast.AST) -> bool:
    return any(outer is function for outer in module.ancestors(node))


def _passes_on(value: ast.AST) -> bool:
    """Return whether a value is an argument that a constructor keeps."""
    return isinstance(value, (ast.Name, ast.Attribute)) or (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in {"int", "str", "float"}
    )


def default_value(function: ast.AST, argument: ast.arg) -> ast.expr | None:
    """Return the default of a function's argument."""
    if not isinstance(function, FUNCTIONS):
        return None
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if argument in positional:
        index = positional.index(argument) - len(positional)
        return arguments.defaults[index] if -index <= len(arguments.defaults) else None
    if argument in arguments.kwonlyargs:
        return arguments.kw_defaults[arguments.kwonlyargs.index(argument)]
    return None


def _root(node: ast.AST) -> str:
    """Return the first name of a chain such as ``args.train["seed"]``."""
    while True:
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case ast.Call(func=inner):
                node = inner
            case ast.Name(id=name):
                return name
            case _:
                return ""


def _short(node: ast.AST) -> str:
    """Return a node's source for a message."""
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."
