"""Conditions under which a node of a function runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from dejabatch.lint.module import FUNCTIONS, Module


class _Branch(NamedTuple):
    """An ``if`` around a node, and whether the node runs when the test is true."""

    test: ast.expr
    when_true: bool
    statement: ast.If | ast.IfExp


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
    return any(_is_evaluation(branch) for branch in _branches(module, node))


def _is_evaluation(branch: _Branch) -> bool:
    test = ast.unparse(branch.test)
    negated = bool(re.search(r"\bnot\b|!=", test))
    if re.search(r"\band\b|\bor\b", test):
        return branch.when_true and not negated and _says_evaluation(test)
    if re.search(r"\b(is_?)?train(ing)?\b", test, re.IGNORECASE):
        return branch.when_true == negated
    return branch.when_true and not negated and _says_evaluation(test)


def _says_evaluation(test: str) -> bool:
    return bool(
        re.search(r"\b(val|valid|validation|test|eval)\b", test)
        and not re.search("train", test)
    )


def runs_once(module: Module, node: ast.AST) -> bool:
    """Return whether a node runs under ``if not self.ready:``, which sets the flag."""
    for branch in _branches(module, node):
        statement = branch.statement
        if not isinstance(statement, ast.If):
            continue
        body = statement.body if branch.when_true else statement.orelse
        tested = {
            ast.unparse(inner)
            for inner in ast.walk(branch.test)
            if isinstance(inner, ast.Attribute)
        }
        stored = {
            ast.unparse(inner)
            for part in body
            for inner in ast.walk(part)
            if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
        }
        if tested & stored:
            return True
    return False


def conditions(module: Module, node: ast.AST) -> Iterator[str]:
    """Yield the conditions under which a node of a function runs."""
    for branch in _branches(module, node):
        yield ast.unparse(branch.test)


def _branches(module: Module, node: ast.AST) -> Iterator[_Branch]:
    child = node
    for outer in module.ancestors(node):
        if isinstance(outer, FUNCTIONS):
            return
        if isinstance(outer, (ast.If, ast.IfExp)) and child is not outer.test:
            body = outer.body if isinstance(outer.body, list) else [outer.body]
            yield _Branch(outer.test, child in body, outer)
        child = outer
