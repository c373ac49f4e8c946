"""Find a ``worker_init_fn`` that gives every worker the same seed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.seeding import worker_seeds


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls in a ``worker_init_fn`` that seed with a constant."""
    for seed in worker_seeds(module):
        if not seed.names:
            yield seed.call
