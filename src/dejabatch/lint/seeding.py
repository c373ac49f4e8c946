"""Calls that seed a generator, and the values that their seeds are computed from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from dejabatch.lint.module import Module

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

SEED_FUNCTIONS: Final = {
    "numpy.random.seed",
    "random.seed",
    "torch.manual_seed",
    "torch.random.manual_seed",
    "lightning.seed_everything",
    "lightning.pytorch.seed_everything",
    "pytorch_lightning.seed_everything",
}
"""The functions that seed a global generator."""

GENERATOR_CLASSES: Final = {
    "numpy.random.default_rng",
    "numpy.random.Generator",
    "numpy.random.RandomState",
    "random.Random",
    "torch.Generator",
}
"""The classes and functions that make a generator."""


class WorkerSeed(NamedTuple):
    """A seed in a ``worker_init_fn`` that uses only names and numbers."""

    call: ast.Call
    """The call that seeds a global generator."""
    names: set[str]
    """The names that the seed depends on."""
    function: Function
    """The ``worker_init_fn``."""
    loader: ast.Call
    """The call with that ``worker_init_fn``."""


def seed_calls(module: Module, node: ast.AST) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield the calls in a node that seed a global generator, each with its seed."""
    for call in module.calls(node):
        if module.called_name(call) in SEED_FUNCTIONS:
            arguments = [*call.args, *(k.value for k in call.keywords if k.arg)]
            if arguments:
                yield call, arguments[0]


def sources_of(
    function: Function | ast.Module, expression: ast.expr
) -> tuple[list[ast.AST], set[str]]:
    """Return what an expression is computed from.

    Parameters
    ----------
    function : Function or ast.Module
        The code whose assignments are followed.
    expression : ast.expr
        An expression in `function`.

    Returns
    -------
    nodes : list of ast.AST
        All nodes of the expression and of the values assigned to the names in it.
    names : set of str
        The names in `nodes` to which `function` assigns nothing.
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
    for current in expressions:
        for node in ast.walk(current):
            nodes.append(node)
            if isinstance(node, ast.Name) and node.id not in names:
                names.add(node.id)
                expressions += values.get(node.id, [])
    return nodes, names - values.keys()


def worker_init_functions(module: Module) -> Iterator[tuple[ast.Call, Function]]:
    """Yield the calls with a ``worker_init_fn``, each with that function."""
    definitions: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef):
            definitions.setdefault(node.name, []).append(node)
    # Skip ambiguous names that several functions share.
    functions = {name: nodes[0] for name, nodes in definitions.items() if not nodes[1:]}
    for call in module.calls():
        for keyword in call.keywords:
            if keyword.arg != "worker_init_fn":
                continue
            value = keyword.value
            if isinstance(value, ast.Lambda):
                yield call, value
            elif isinstance(value, ast.Name) and value.id in functions:
                yield call, functions[value.id]


def worker_seeds(module: Module) -> Iterator[WorkerSeed]:
    """Yield the seeds in a ``worker_init_fn`` that use only names and numbers."""
    for loader, function in worker_init_functions(module):
        for call, seed in seed_calls(module, function):
            nodes, names = sources_of(function, seed)
            # An attribute such as get_worker_info().seed may change in each epoch.
            if any(isinstance(n, (ast.Attribute, ast.Subscript)) for n in nodes):
                continue
            # The result of any other call may change in each epoch, too.
            called = {module.called_name(n) for n in nodes if isinstance(n, ast.Call)}
            if called - {"int", "str"}:
                continue
            yield WorkerSeed(call, names - called, function, loader)


def has_persistent_workers(loader: ast.Call) -> bool:
    """Return whether a call has the argument ``persistent_workers=True``."""
    values = (k.value for k in loader.keywords if k.arg == "persistent_workers")
    return any(isinstance(v, ast.Constant) and v.value is True for v in values)
