"""Find ``next(iter(loader))`` in a loop, which restarts the loader at each step."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.loops import Loop, enclosing_loops, epoch_loops, reads_a_loader
from dejabatch.lint.module import Module


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls of ``next(iter(loader))`` that a loop over steps repeats."""
    for call in module.calls():
        if module.called_name(call) != "next" or not call.args:
            continue
        inner = call.args[0]
        if module.called_name(inner) != "iter" or not isinstance(inner, ast.Call):
            continue
        if not inner.args or not module.is_loader(inner.args[0]):
            continue
        name = ast.unparse(inner.args[0])
        repeated_by = [
            loop for loop in enclosing_loops(module, call) if not _rebinds(loop, name)
        ]
        # Peeking at one batch after each epoch is not training on it.
        if any(not _is_training_epochs(module, loop) for loop in repeated_by):
            yield call


def _is_training_epochs(module: Module, loop: Loop) -> bool:
    return loop in list[Loop](epoch_loops(module)) and reads_a_loader(module, loop)


def _rebinds(loop: Loop, name: str) -> bool:
    """Return whether a loop assigns to a name."""
    return any(
        isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node) == name
        for node in ast.walk(loop)
    )
