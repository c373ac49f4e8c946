"""Find a ``random_split`` without a seed, which another run splits differently."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.seeding import seed_calls


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls of ``random_split`` that no seed makes reproducible."""
    if any(True for _ in seed_calls(module, module.tree)):
        return
    for call in module.calls():
        if module.called_name(call) != "torch.utils.data.random_split":
            continue
        if len(call.args) < 3 and not any(k.arg == "generator" for k in call.keywords):
            yield call
