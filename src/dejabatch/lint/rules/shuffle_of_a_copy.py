"""Find shuffles of a copy, which leave the original in its order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = (
    "shuffle",
    r"shuffle\s*\(\s*([\w.]+\[|list\(|sorted\(|\[)",
)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls such as ``random.shuffle(paths[:100])``."""
    for call in module.calls():
        name = module.called_name(call)
        if name not in {"random.shuffle", "numpy.random.shuffle"} or not call.args:
            continue
        if not isinstance(module.parents.get(call), ast.Expr):
            continue
        copy = call.args[0]
        reason = _copy(module, copy, name, run)
        if reason:
            yield Found(
                module,
                call,
                "error",
                f"`{short(copy)}` is {reason}. `{short(call)}` shuffles the copy and "
                "drops the copy.",
            )


def _copy(module: Module, node: ast.expr, shuffle: str, run: Run) -> str:
    """Return what kind of copy an expression is, or "" for other expressions."""
    match node:
        case ast.Subscript(slice=ast.Slice()):
            # A slice of an array is a view, which numpy shuffles in place.
            if shuffle.startswith("numpy") or not _is_list(module, node.value, run):
                return ""
            return "a slice, and slicing copies a list"
        case ast.Call() if module.called_name(node) in {"list", "sorted"}:
            return "a new list"
        case ast.ListComp():
            return "a new list"
    return ""


def _is_list(module: Module, node: ast.expr, run: Run) -> bool:
    """Return whether an expression is not shown to be an array."""
    for inner, value in run.project.values(module, node):
        text = ast.unparse(value) if isinstance(value, ast.AST) else ""
        called = inner.called_name(value) if isinstance(value, ast.AST) else ""
        if called.startswith(("numpy.", "torch.")) or ".astype(" in text:
            return False
    return True
