"""Generators that a method makes or seeds with the same value each time."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import FUNCTIONS, Module
from dejabatch.lint.origins import FIXED, WORKER, Frame
from dejabatch.lint.project import Definition
from dejabatch.lint.run import Run
from dejabatch.lint.seeding import GENERATOR_CLASSES, SEED_FUNCTIONS, first_argument


def fixed_seeds(method: Definition, run: Run) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls in a method that seed with a fixed value, and what was followed.

    The number of the worker counts as fixed: each epoch has the same workers.
    """
    module, function = method
    if not isinstance(function, FUNCTIONS):
        return
    frame = Frame(module, function)
    for call in module.calls(function):
        if module.function(call) is not function:
            continue
        name = module.called_name(call)
        is_seed = name in SEED_FUNCTIONS
        is_generator = name in GENERATOR_CLASSES and name != "torch.Generator"
        is_method = (
            isinstance(call.func, ast.Attribute)
            and call.func.attr in {"manual_seed", "seed"}
            and _is_new_generator(module, call.func.value, run)
        )
        seed = first_argument(call)
        if not (is_seed or is_generator or is_method) or seed is None:
            continue
        if is_generator and name.endswith(".Generator"):
            continue
        if isinstance(seed, ast.Constant) and seed.value is None:
            continue
        origins = run.tracer.origins(seed, frame)
        if origins.kinds <= FIXED | {WORKER}:
            yield call, "; ".join(origins.trail[:2])


def _is_new_generator(module: Module, node: ast.expr, run: Run) -> bool:
    """Return whether an expression is a generator that the same function made."""
    for inner, value in run.project.values(module, node):
        if inner.called_name(value) in GENERATOR_CLASSES:
            return True
    return False


def is_endless(module: Module, function: ast.AST) -> bool:
    """Return whether a method loops forever, so that it starts only once."""
    for loop in module.walk(ast.While, function):
        if isinstance(loop.test, ast.Constant) and loop.test.value:
            return True
    for call in module.calls(function):
        if module.called_name(call) in {"itertools.count", "itertools.cycle"}:
            return True
    return False
