"""Find a ``worker_init_fn`` that gives every worker the same seed."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.origins import FIXED, TIME
from dejabatch.lint.run import Found, Run
from dejabatch.lint.worker_seeds import severity_of, why, worker_seeds

TRIGGER = ("worker_init_fn",)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls in a ``worker_init_fn`` that seed with a constant."""
    for init, seeding in worker_seeds(module, run):
        kinds = seeding.origins.kinds
        if not kinds <= FIXED | {TIME}:
            continue
        if TIME in kinds:
            effect = "Workers start in the same second, so their seeds are equal."
        else:
            effect = "All workers get this seed, in every epoch."
        severity = severity_of(run, init, seeding)
        yield Found(seeding.module, seeding.call, severity, why(init, seeding, effect))
