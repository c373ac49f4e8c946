"""Find datasets that return another sample after an error."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import FUNCTIONS, Module
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import makers

TRIGGER = ("__getitem__", "except")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the handlers that return another sample of the dataset."""
    for maker in makers(module, run):
        if maker.kind != "dataset":
            continue
        for inner, method in run.project.reachable(maker.cls, "__getitem__"):
            if not isinstance(method, FUNCTIONS):
                continue
            for handler in inner.walk(ast.ExceptHandler, method):
                other = _other_sample(inner, handler)
                if other is not None:
                    yield Found(
                        inner,
                        other,
                        "note",
                        f"After an error, `{maker.cls.node.name}` returns "
                        f"`{short(other)}`: another sample takes the place of the "
                        "broken one, and nothing counts how often.",
                    )


def _other_sample(module: Module, handler: ast.ExceptHandler) -> ast.expr | None:
    """Return the expression that makes another sample of the same dataset."""
    if any(isinstance(node, ast.Raise) for node in handler.body):
        return None
    for node in ast.walk(handler):
        match node:
            case ast.Subscript(value=ast.Name(id="self"), ctx=ast.Load()):
                return node
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                if name == "__getitem__":
                    return node
            case ast.Call(func=ast.Attribute(value=ast.Call(), attr="__getitem__")):
                return node
    return None
