"""Loops over epochs and steps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from dejabatch.lint.module import Module

Loop: TypeAlias = ast.For | ast.AsyncFor | ast.While


def enclosing_loops(module: Module, node: ast.AST) -> Iterator[Loop]:
    """Yield the loops of a node's own function that run the node repeatedly."""
    child = node
    for outer in module.ancestors(node):
        match outer:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return
            case ast.While():
                yield outer
            # The iterable of a loop is evaluated only once.
            case ast.For() | ast.AsyncFor() if child is not outer.iter:
                yield outer
        child = outer


def epoch_loops(module: Module) -> Iterator[ast.For]:
    """Yield the loops whose variable has "epoch" in its name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.For) and "epoch" in ast.unparse(node.target).lower():
            yield node


def reads_a_loader(module: Module, loop: Loop) -> bool:
    """Return whether a loop contains, or is, a loop over a DataLoader."""
    return any(
        isinstance(node, (ast.For, ast.comprehension))
        and any(module.is_loader(inner) for inner in ast.walk(node.iter))
        for node in ast.walk(loop)
    )
