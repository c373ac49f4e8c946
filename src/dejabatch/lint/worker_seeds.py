"""Seeds in a ``worker_init_fn``, which runs when a worker starts."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.loaders import WorkerInit
from dejabatch.lint.module import Module
from dejabatch.lint.run import Run, Severity, short
from dejabatch.lint.seeding import Seeding


def worker_seeds(module: Module, run: Run) -> Iterator[tuple[WorkerInit, Seeding]]:
    """Yield the seeds of the functions that a file passes as ``worker_init_fn``."""
    for init in run.loaders.worker_inits(module):
        # Without workers, the function never runs.
        if not run.loaders.has_workers(module, init.node, init.arguments):
            continue
        for frame in init.frames:
            for seeding in run.seeds.inside(frame):
                yield init, seeding


def severity_of(run: Run, init: WorkerInit, seeding: Seeding) -> Severity:
    """Return "error" where code that makes training samples draws from the generator."""
    if run.loaders.is_for_evaluation(init.module, init.node):
        return "note"
    # An `if` such as `if seed is not None` may never be true.
    certain = not seeding.only_in_a_mode and run.seeds.are_drawn(seeding.libraries)
    return "error" if certain else "warning"


def why(init: WorkerInit, seeding: Seeding, effect: str) -> str:
    """Return what was followed, and the effect."""
    parts = [f"`{short(seeding.call)}` runs in each worker"]
    if init.module is not seeding.module:
        parts[0] += f" of the loader at {init.module.place(init.node)}"
    parts += seeding.origins.trail[:3]
    return f"{'; '.join(parts)}. {effect}"
