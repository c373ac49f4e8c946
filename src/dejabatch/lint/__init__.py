"""Failures that can be read in the source: loops, seeds and recipes that repeat themselves.

A syntax tree shows what no loader object does, such as ``next(iter(loader))`` in a loop.
Each rule looks for one failure mode and knows one form of it; it would rather miss a form
than call right code wrong.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Loop: TypeAlias = ast.For | ast.AsyncFor | ast.While

_IGNORE = re.compile(r"#\s*dejabatch:\s*ignore(?:\[([\w\s,-]*)\])?")
_LOADERS = ("DataLoader", "StatefulDataLoader")
_SEEDS: Final = {
    "numpy.random.seed",
    "random.seed",
    "torch.manual_seed",
    "torch.random.manual_seed",
    "lightning.seed_everything",
    "lightning.pytorch.seed_everything",
    "pytorch_lightning.seed_everything",
}
_GENERATORS: Final = {
    "numpy.random.default_rng",
    "numpy.random.Generator",
    "numpy.random.RandomState",
    "random.Random",
    "torch.Generator",
}
_CACHES: Final = {"functools.lru_cache", "functools.cache"}
_TRANSFORM = re.compile(r"transforms?|aug\w*|crop\w*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of source that has a failure.

    Attributes
    ----------
    path : str
        The file.
    line, column : int
        Counted from 1.
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
    """Look at Python files.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files, and folders in which all ``*.py`` are read.
    unreadable : callable, optional
        Called with each file that is not Python, and with why; the others are read. By
        default the first one ends it.

    Returns
    -------
    list of Place
        What was found, in the order of files and lines.

    Raises
    ------
    OSError
        If a path does not exist or cannot be read.
    SyntaxError, UnicodeDecodeError
        If a file is not Python, and `unreadable` is None. The message of the former
        names the file.

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
    """Look at the text of one Python file.

    Parameters
    ----------
    source : str
        The text.
    path : str
        What the file is called in the results.

    Returns
    -------
    list of Place
        What was found. Lines with a comment ``# dejabatch: ignore[slug]`` are left out.

    Raises
    ------
    SyntaxError
        If it is not Python.

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
    module = _Module(ast.parse(source, filename=path))
    ignored = _ignored(source)
    found = set()
    for slug, rule in RULES.items():
        for node in rule(module):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if not {slug, "*"} & set().union(*(ignored.get(i, ()) for i in lines)):
                found.add(Place(path, node.lineno, node.col_offset + 1, slug))
    return sorted(found)


def _ignored(source: str) -> dict[int, set[str]]:
    """Return the slugs that comments ask to leave out, by line; ``*`` stands for all."""
    ignored: dict[int, set[str]] = {}
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := _IGNORE.search(token.string)):
            slugs = {slug.strip() for slug in (match[1] or "*").split(",")}
            ignored.setdefault(token.start[0], set()).update(slugs)
    return ignored


@dataclass(slots=True)
class _Module:
    """A file's tree, and what its names stand for."""

    tree: ast.Module
    imported: dict[str, str] = field(default_factory=dict)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    loaders: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self.imported[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    name = alias.asname or alias.name
                    self.imported[name] = f"{node.module}.{alias.name}"
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and self.is_loader_call(node.value):
                self.loaders |= {
                    ast.unparse(target)
                    for target in node.targets
                    if isinstance(target, (ast.Name, ast.Attribute))
                }
            elif isinstance(node, ast.AnnAssign) and self.is_loader_type(
                node.annotation
            ):
                self.loaders.add(ast.unparse(node.target))
            elif (
                isinstance(node, ast.arg)
                and node.annotation
                and self.is_loader_type(node.annotation)
            ):
                self.loaders.add(node.arg)

    def name_of(self, node: ast.AST) -> str:
        """Return the full name of what an expression refers to; empty if it has none."""
        if isinstance(node, ast.Attribute):
            inner = self.name_of(node.value)
            return f"{inner}.{node.attr}" if inner else ""
        return self.imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def called(self, node: ast.AST) -> str:
        """Return the full name of what a call calls; empty if it is no call."""
        return self.name_of(node.func) if isinstance(node, ast.Call) else ""

    def is_loader_call(self, node: ast.AST) -> bool:
        return self.called(node).rpartition(".")[2] in _LOADERS

    def is_loader_type(self, annotation: ast.expr) -> bool:
        if isinstance(annotation, ast.Subscript):  # DataLoader[int]
            annotation = annotation.value
        return self.name_of(annotation).rpartition(".")[2] in _LOADERS

    def is_loader(self, node: ast.AST) -> bool:
        """Tell whether an expression is a variable to which a DataLoader was assigned."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return False
        return ast.unparse(node) in self.loaders

    def calls(self, node: ast.AST | None = None) -> Iterator[ast.Call]:
        for inner in ast.walk(node or self.tree):
            if isinstance(inner, ast.Call):
                yield inner

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node stands in, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def loops_around(self, node: ast.AST) -> Iterator[Loop]:
        """Yield the loops that repeat a node, within its function."""
        child = node
        for outer in self.around(node):
            if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                return
            if (
                isinstance(outer, (ast.For, ast.AsyncFor)) and child is not outer.iter
            ) or isinstance(outer, ast.While):
                yield outer
            child = outer

    def datasets(self) -> Iterator[ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and any(
                self.name_of(base).endswith("Dataset") for base in node.bases
            ):
                yield node

    def worker_inits(self) -> Iterator[tuple[ast.Call, Function]]:
        """Yield the calls with a ``worker_init_fn``, each with that function."""
        named: dict[str, list[ast.FunctionDef]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                named.setdefault(node.name, []).append(node)
        # Of several with one name, it is open which is meant.
        functions = {name: nodes[0] for name, nodes in named.items() if not nodes[1:]}
        for call in self.calls():
            for keyword in call.keywords:
                if keyword.arg != "worker_init_fn":
                    continue
                value = keyword.value
                if isinstance(value, ast.Lambda):
                    yield call, value
                elif isinstance(value, ast.Name) and value.id in functions:
                    yield call, functions[value.id]


def _next_iter_in_the_loop(module: _Module) -> Iterator[ast.expr]:
    for call in module.calls():
        if module.called(call) != "next" or not call.args:
            continue
        inner = call.args[0]
        if module.called(inner) != "iter" or not isinstance(inner, ast.Call):
            continue
        if not inner.args or not module.is_loader(inner.args[0]):
            continue
        name = ast.unparse(inner.args[0])
        repeated_by = [
            loop for loop in module.loops_around(call) if not _is_bound_in(loop, name)
        ]
        # A look at one batch after each epoch is none of training on it.
        if any(not _is_epoch_loop(module, loop) for loop in repeated_by):
            yield call


def _is_epoch_loop(module: _Module, loop: Loop) -> bool:
    return loop in list[Loop](_epoch_loops(module)) and _reads_a_loader(module, loop)


def _is_bound_in(loop: Loop, name: str) -> bool:
    """Tell whether a loop gives a name another value each time."""
    return any(
        isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node) == name
        for node in ast.walk(loop)
    )


def _itertools_cycle(module: _Module) -> Iterator[ast.expr]:
    for call in module.calls():
        if module.called(call) == "itertools.cycle" and call.args:
            (inner,) = call.args[:1]
            if module.is_loader(inner) or module.is_loader_call(inner):
                yield call


def _one_iterator(module: _Module) -> Iterator[ast.expr]:
    for call in module.calls():
        if module.called(call) in {"zip", "itertools.zip_longest"}:
            names = [ast.unparse(a) for a in call.args if module.is_loader(a)]
            if len(names) > len(set(names)):
                yield call


def _seeds_in(module: _Module, node: ast.AST) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield the calls that seed a global generator, each with its seed."""
    for call in module.calls(node):
        if module.called(call) in _SEEDS:
            arguments = [*call.args, *(k.value for k in call.keywords if k.arg)]
            if arguments:
                yield call, arguments[0]


def _get_state_recipe(module: _Module) -> Iterator[ast.expr]:
    for call, seed in _seeds_in(module, module.tree):
        functions = (n for n in module.around(call) if isinstance(n, ast.FunctionDef))
        nodes, _ = _written_out(next(functions, module.tree), seed)
        if any(module.called(node) == "numpy.random.get_state" for node in nodes):
            yield call


def _written_out(
    function: Function | ast.Module, expression: ast.expr
) -> tuple[list[ast.AST], set[str]]:
    """Follow the names in an expression to what a function assigns to them.

    Returns
    -------
    nodes, names
        All nodes of the expression and of those assigned, and the names that the
        function assigns nothing to.
    """
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    values.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            values.setdefault(node.target.id, []).append(node.value)
    expressions, nodes, names = [expression], list[ast.AST](), set[str]()
    for one in expressions:
        for node in ast.walk(one):
            nodes.append(node)
            if isinstance(node, ast.Name) and node.id not in names:
                names.add(node.id)
                expressions += values.get(node.id, [])
    return nodes, names - values.keys()


def _seeds_of_workers(
    module: _Module,
) -> Iterator[tuple[ast.Call, set[str], Function, ast.Call]]:
    """Yield the seeds of ``worker_init_fn`` that are made of names and numbers alone.

    Each comes with the names in it, that function, and the call for the loader. A call may
    return another number in each epoch, and so may an attribute, such as
    ``get_worker_info().seed``.
    """
    for loader, function in module.worker_inits():
        for call, seed in _seeds_in(module, function):
            nodes, names = _written_out(function, seed)
            if any(isinstance(n, (ast.Attribute, ast.Subscript)) for n in nodes):
                continue
            called = {module.called(n) for n in nodes if isinstance(n, ast.Call)}
            if called - {"int", "str"}:
                continue
            yield call, names - called, function, loader


def _constant_worker_seed(module: _Module) -> Iterator[ast.expr]:
    for call, names, *_ in _seeds_of_workers(module):
        if not names:
            yield call


def _worker_seed_without_epoch(module: _Module) -> Iterator[ast.expr]:
    for call, names, function, loader in _seeds_of_workers(module):
        arguments = [argument.arg for argument in function.args.args[:1]]
        # Persistent workers are seeded once, and go on from there.
        by_epoch = any("epoch" in name.lower() for name in names) or _live_on(loader)
        if names & set(arguments) and not by_epoch:
            yield call


def _live_on(loader: ast.Call) -> bool:
    """Tell whether a call for a loader says that its workers are persistent."""
    values = (k.value for k in loader.keywords if k.arg == "persistent_workers")
    return any(isinstance(v, ast.Constant) and v.value is True for v in values)


def _worker_init_runs_once(module: _Module) -> Iterator[ast.expr]:
    for loader, function in module.worker_inits():
        if not _live_on(loader):
            continue
        for call in module.calls(function):
            if module.called(call) not in _SEEDS | _GENERATORS:
                continue
            for argument in call.args:
                nodes, names = _written_out(function, argument)
                names |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
                if any("epoch" in name.lower() for name in names):
                    yield call


def _rng_object_on_dataset(module: _Module) -> Iterator[ast.expr]:
    for cls in module.datasets():
        methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
        if "__init__" not in methods or "__getitem__" not in methods:
            continue
        attributes = [
            node
            for name, method in methods.items()
            if name != "__init__"
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
        ]
        # What a method makes anew need not be what `__init__` has made.
        anew = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
        used = {node.attr for node in attributes} - anew
        for node in ast.walk(methods["__init__"]):
            if (
                isinstance(node, ast.Assign)
                and module.called(_before_seed(node.value)) in _GENERATORS
            ):
                for target in node.targets:
                    if (
                        isinstance(target, ast.Attribute)
                        and ast.unparse(target.value) == "self"
                        and target.attr in used
                    ):
                        yield target


def _before_seed(value: ast.expr) -> ast.expr:
    """Return ``torch.Generator()`` of ``torch.Generator().manual_seed(0)``."""
    match value:
        case ast.Call(func=ast.Attribute(value=made, attr="manual_seed")):
            return made
    return value


def _cached_augmentation(module: _Module) -> Iterator[ast.expr]:
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for decorator in function.decorator_list:
            cache = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.name_of(cache) in _CACHES and _is_random(module, function):
                yield decorator


def _is_random(module: _Module, method: ast.FunctionDef) -> bool:
    for call in module.calls(method):
        name = module.called(call)
        if name.startswith(("numpy.random.", "random.", "torch.rand")):
            return True
        if name.startswith("self.") and _TRANSFORM.fullmatch(name.partition(".")[2]):
            return True
    return False


def _split_computed_too_early(module: _Module) -> Iterator[ast.expr]:
    for cls in module.datasets():
        for method in cls.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                for call in module.calls(method):
                    if module.called(call).endswith("get_worker_info"):
                        yield call


def _epoch_loops(module: _Module) -> Iterator[ast.For]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.For) and "epoch" in ast.unparse(node.target).lower():
            yield node


def _reseed_every_epoch(module: _Module) -> Iterator[ast.expr]:
    for loop in _epoch_loops(module):
        for call, seed in _seeds_in(module, loop):
            if isinstance(seed, ast.Constant) and _reads_a_loader(module, loop):
                yield call


def _reads_a_loader(module: _Module, loop: Loop) -> bool:
    """Tell whether a loop over a loader is in another one."""
    return any(
        isinstance(node, (ast.For, ast.comprehension))
        and any(module.is_loader(inner) for inner in ast.walk(node.iter))
        for node in ast.walk(loop)
    )


def _no_set_epoch(module: _Module) -> Iterator[ast.expr]:
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.Attribute, ast.Name))
    }
    if names & {"set_epoch", "forever"}:
        return
    if not any(_reads_a_loader(module, loop) for loop in _epoch_loops(module)):
        return
    for call in module.calls():
        if module.called(call).rpartition(".")[2] != "DistributedSampler":
            continue
        shuffle = [k.value for k in call.keywords if k.arg == "shuffle"]
        if not any(isinstance(v, ast.Constant) and v.value is False for v in shuffle):
            yield call


def _unseeded_split(module: _Module) -> Iterator[ast.expr]:
    if any(True for _ in _seeds_in(module, module.tree)):
        return
    for call in module.calls():
        if module.called(call) != "torch.utils.data.random_split":
            continue
        if len(call.args) < 3 and not any(k.arg == "generator" for k in call.keywords):
            yield call


RULES: Final[dict[str, Callable[[_Module], Iterator[ast.expr]]]] = {
    "next-iter-in-the-loop": _next_iter_in_the_loop,
    "itertools-cycle": _itertools_cycle,
    "one-iterator-per-persistent-loader": _one_iterator,
    "get-state-recipe": _get_state_recipe,
    "constant-worker-seed": _constant_worker_seed,
    "worker-seed-without-epoch": _worker_seed_without_epoch,
    "worker-init-runs-once": _worker_init_runs_once,
    "rng-object-on-dataset": _rng_object_on_dataset,
    "cached-augmentation": _cached_augmentation,
    "split-computed-too-early": _split_computed_too_early,
    "reseed-every-epoch": _reseed_every_epoch,
    "no-set-epoch": _no_set_epoch,
    "samples-in-both-loaders": _unseeded_split,
}
"""The rule of each failure mode that can be read in the source."""
