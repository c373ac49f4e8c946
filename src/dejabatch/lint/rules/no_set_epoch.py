"""Find a DistributedSampler that shuffles, in a file without ``set_epoch``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.loops import epoch_loops, reads_a_loader
from dejabatch.lint.module import Module


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the DistributedSamplers whose order is the same in each epoch."""
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.Attribute, ast.Name))
    }
    # dejabatch.forever calls set_epoch.
    if names & {"set_epoch", "forever"}:
        return
    if not any(reads_a_loader(module, loop) for loop in epoch_loops(module)):
        return
    for call in module.calls():
        if module.called_name(call).rpartition(".")[2] != "DistributedSampler":
            continue
        shuffle = [k.value for k in call.keywords if k.arg == "shuffle"]
        if not any(isinstance(v, ast.Constant) and v.value is False for v in shuffle):
            yield call
