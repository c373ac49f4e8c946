"""Find loops over epochs that start every epoch from the same seed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.loops import epoch_loops, reads_a_loader
from dejabatch.lint.module import Module
from dejabatch.lint.seeding import seed_calls


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls that seed with a constant in a loop over epochs."""
    for loop in epoch_loops(module):
        for call, seed in seed_calls(module, loop):
            if isinstance(seed, ast.Constant) and reads_a_loader(module, loop):
                yield call
