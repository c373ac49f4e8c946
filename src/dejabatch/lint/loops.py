"""Loops over epochs and steps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from dejabatch.lint.module import Module
from dejabatch.lint.run import Run

Loop: TypeAlias = ast.For | ast.AsyncFor | ast.While

_EPOCH: Final = re.compile(r"epoch", re.IGNORECASE)

EPOCH_LOOP: Final = (
    r"(?i)for\s+\w*(epoch|ep)\w*\s+in\b|in\s+\w*range\([^\n]*epoch|while\s[^\n]*epoch"
    r"|for\s+\w+\s+in\s+[^\n]*epochs\b|while\s+True\s*:|while\s[^\n]*(step|iter)|EpochBasedRunner"
)
"""The text of a loop over epochs, or of an endless loop."""


def enclosing_loops(module: Module, node: ast.AST) -> Iterator[Loop]:
    """Yield the loops of a node's own function that run the node repeatedly."""
    child = node
    for outer in module.ancestors(node):
        match outer:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return
            case ast.While():
                yield outer
            # The iterable and the else of a loop are evaluated only once.
            case ast.For() | ast.AsyncFor() if (
                child is not outer.iter and child not in outer.orelse
            ):
                yield outer
        child = outer


def epoch_loops(module: Module) -> Iterator[ast.For | ast.While]:
    """Yield the loops over epochs."""
    for kind in (ast.For, ast.While):
        for loop in module.walk(kind):
            if isinstance(loop, (ast.For, ast.While)) and is_epoch_loop(loop):
                yield loop


def is_epoch_loop(loop: Loop) -> bool:
    """Return whether a loop says "epoch" in its variable, its range or its test."""
    if isinstance(loop, ast.While):
        return bool(_EPOCH.search(ast.unparse(loop.test)))
    return bool(_EPOCH.search(ast.unparse(loop.target))) or (
        isinstance(loop.iter, ast.Call) and bool(_EPOCH.search(ast.unparse(loop.iter)))
    )


def reads_a_loader(module: Module, loop: Loop, run: Run) -> bool:
    """Return whether a loop contains a loop over a loader, or passes a loader on."""
    for node in ast.walk(loop):
        if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            inside = list(ast.walk(node.iter))
        elif isinstance(node, ast.Call) and node is not getattr(loop, "iter", None):
            if module.called_name(node) in {"iter", "next", "len", "print"}:
                continue
            inside = [*node.args, *(k.value for k in node.keywords)]
        else:
            continue
        for inner in inside:
            if isinstance(inner, (ast.Name, ast.Attribute)) and run.loaders.is_loader(
                module, inner
            ):
                return True
    return False
