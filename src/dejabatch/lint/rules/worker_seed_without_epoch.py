"""Find worker seeds that depend on the worker and not on the epoch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.seeding import has_persistent_workers, worker_seeds


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls that seed a worker equally in each epoch."""
    for seed in worker_seeds(module):
        # Persistent workers are seeded once; later epochs continue their generators.
        if has_persistent_workers(seed.loader):
            continue
        worker_id = {argument.arg for argument in seed.function.args.args[:1]}
        depends_on_epoch = any("epoch" in name.lower() for name in seed.names)
        if seed.names & worker_id and not depends_on_epoch:
            yield seed.call
