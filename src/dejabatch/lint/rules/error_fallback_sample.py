"""Find datasets that return another sample after an error."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import FUNCTIONS, Module
from dejabatch.lint.project import Class
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
                other = _other_sample(handler, maker.cls, run)
                if other is not None:
                    yield Found(
                        inner,
                        other,
                        "note",
                        f"After an error, `{maker.cls.node.name}` returns "
                        f"`{short(other)}`: another sample takes the place of the "
                        "broken one, and nothing counts how often.",
                    )


def _other_sample(
    node: ast.AST, cls: Class, run: Run, depth: int = 0
) -> ast.expr | None:
    """Return the expression that makes another sample of the same dataset."""
    for inner in ast.walk(node):
        match inner:
            case ast.Raise():
                return None
            case ast.Subscript(value=ast.Name(id="self"), ctx=ast.Load()):
                return inner
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                if name == "__getitem__":
                    return inner
                method = run.project.methods(cls).get(name)
                # A helper such as `self.skip_sample(index)`.
                if method is None or depth or not isinstance(method.node, ast.AST):
                    continue
                if _other_sample(method.node, cls, run, 1) or any(
                    _other_sample(m.node, cls, run, 1)
                    for m in run.project.reachable(cls, name)
                    if isinstance(m.node, ast.FunctionDef)
                    and m.node.name != "__getitem__"
                ):
                    return inner
    return None
