"""Conditions under which a node of a function runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dejabatch.lint.module import FUNCTIONS, Module


def is_conditional_on_mode(module: Module, node: ast.AST) -> bool:
    """Return whether a node runs only in one mode or on request."""
    return any(
        re.search(
            r"train|val|test|eval|split|mode|phase|determinis|fixed|seed|debug|repro",
            test,
            re.IGNORECASE,
        )
        for test in conditions(module, node)
    )


def is_for_evaluation_only(module: Module, node: ast.AST) -> bool:
    """Return whether a node runs only under ``if split == "test"`` or the like."""
    return any(
        re.search(r"\b(val|valid|validation|test|eval)\b", test)
        and not re.search(r"train|\bnot\b|!=", test)
        for test in conditions(module, node, body_only=True)
    )


def conditions(
    module: Module, node: ast.AST, *, body_only: bool = False
) -> Iterator[str]:
    """Yield the conditions under which a node of a function runs."""
    child = node
    for outer in module.ancestors(node):
        if isinstance(outer, FUNCTIONS):
            return
        if isinstance(outer, (ast.If, ast.IfExp)):
            body = outer.body if isinstance(outer.body, list) else [outer.body]
            if not body_only or child in body:
                yield ast.unparse(outer.test)
        child = outer
