"""Find worker seeds that depend on the worker and not on the epoch."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.origins import FIXED, WORKER
from dejabatch.lint.run import Found, Run
from dejabatch.lint.worker_seeds import severity_of, why, worker_seeds

TRIGGER = ("worker_init_fn",)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls that seed a worker equally in each epoch."""
    for init, seeding in worker_seeds(module, run):
        # Persistent workers are seeded once; later epochs continue their generators.
        if run.loaders.has_persistent_workers(init.arguments):
            continue
        kinds = seeding.origins.kinds
        if WORKER in kinds and kinds <= FIXED | {WORKER}:
            effect = "The workers start again in each epoch and get these seeds again."
            severity = severity_of(run, init, seeding)
            text = why(init, seeding, effect)
            yield Found(seeding.module, seeding.call, severity, text)
