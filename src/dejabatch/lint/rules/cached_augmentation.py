"""Find functions of a dataset that draw random numbers and whose result is cached."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import makers
from dejabatch.lint.seeding import GENERATOR_CLASSES

TRIGGER = ("functools", "cache", "__getitem__|__iter__|__call__|random|torch")

_CACHES: Final = {"functools.lru_cache", "functools.cache"}
_TRANSFORM: Final = re.compile(r"_?(transforms?|aug\w*|crop\w*)", re.IGNORECASE)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the cache decorators of functions that draw random numbers."""
    for function in module.functions():
        for decorator in function.decorator_list:
            cache = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.full_name(cache) not in _CACHES:
                continue
            draw = _draw(module, function)
            if draw is None or not _makes_samples(function, run):
                continue
            yield Found(
                module,
                decorator,
                "error",
                f"`{function.name}` calls `{short(draw)}`, and the cache returns the "
                "first result of each index again.",
            )


def _draw(module: Module, function: ast.AST) -> ast.Call | None:
    for call in module.calls(function):
        name = module.called_name(call)
        if name in GENERATOR_CLASSES or name.endswith((".seed", "_state")):
            continue
        if name.startswith(("numpy.random.", "random.", "torch.rand")):
            return call
        if name.startswith("self.") and _TRANSFORM.fullmatch(name.partition(".")[2]):
            return call
    return None


def _makes_samples(function: ast.FunctionDef | ast.AsyncFunctionDef, run: Run) -> bool:
    """Return whether a dataset or a transform calls a function."""
    word = re.compile(rf"\b{re.escape(function.name)}\b")
    for source in run.project.sources.values():
        if not word.search(source.text):
            continue
        if not re.search(r"__getitem__|__iter__|__call__", source.text):
            continue
        other = run.project.module(source.path)
        if other is None:
            continue
        for maker in makers(other, run):
            for inner, node in run.project.reachable(maker.cls, *maker.entries):
                if node is function:
                    return True
                if not isinstance(node, ast.AST):
                    continue
                for name in inner.walk(ast.Name, node):
                    if name.id == function.name and any(
                        d.node is function for d in run.project.lookup(inner, name)
                    ):
                        return True
    return False
