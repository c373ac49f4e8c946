"""Find streams whose ``__iter__`` starts from the same seed in every epoch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.conditions import is_conditional_on_mode
from dejabatch.lint.fixed_seeds import fixed_seeds, is_endless
from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import makers

TRIGGER = ("__iter__", "Random(|default_rng|RandomState|seed(")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls that seed with a fixed value at the start of a pass."""
    for maker in makers(module, run):
        if maker.kind != "stream":
            continue
        methods = run.project.reachable(maker.cls, *maker.entries)
        if any(
            isinstance(node, ast.AST) and is_endless(inner, node)
            for inner, node in methods
        ):
            continue
        for definition in methods:
            inner, method = definition
            if not isinstance(method, ast.FunctionDef):
                continue
            for call, trail in fixed_seeds(definition, run):
                if is_conditional_on_mode(inner, call) and "seed" not in trail:
                    continue
                yield Found(
                    inner,
                    call,
                    "error",
                    f"`{short(call)}` starts in `{maker.cls.node.name}.{method.name}` "
                    f"from the same seed in every epoch{f': {trail}' if trail else ''}.",
                )
