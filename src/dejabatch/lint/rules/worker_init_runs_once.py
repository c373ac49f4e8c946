"""Find epochs in the ``worker_init_fn`` of persistent workers, which runs only once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.seeding import (
    GENERATOR_CLASSES,
    SEED_FUNCTIONS,
    has_persistent_workers,
    sources_of,
    worker_init_functions,
)


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls that seed persistent workers with an epoch."""
    for loader, function in worker_init_functions(module):
        if not has_persistent_workers(loader):
            continue
        for call in module.calls(function):
            if module.called_name(call) not in SEED_FUNCTIONS | GENERATOR_CLASSES:
                continue
            for argument in call.args:
                nodes, names = sources_of(function, argument)
                names |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
                if any("epoch" in name.lower() for name in names):
                    yield call
