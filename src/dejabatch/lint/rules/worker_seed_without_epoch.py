"""Find worker seeds that depend on the worker and not on the epoch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.origins import FIXED, WORKER, Frame
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import makers
from dejabatch.lint.worker_seeds import severity_of, why, worker_seeds

TRIGGER = ("worker_init_fn|get_worker_info",)


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
    if "get_worker_info" in module.source.text and "seed" in module.source.text:
        yield from _in_datasets(module, run)


def _in_datasets(module: Module, run: Run) -> Iterator[Found]:
    """Yield the seeds that a dataset computes from the number of its worker."""
    for maker in makers(module, run):
        if maker.kind not in {"dataset", "stream"}:
            continue
        for inner, method in run.project.reachable(maker.cls, *maker.entries):
            if not isinstance(method, ast.FunctionDef):
                continue
            for seeding in run.seeds.inside(Frame(inner, method)):
                kinds = seeding.origins.kinds
                if WORKER in kinds and kinds <= FIXED | {WORKER}:
                    yield Found(
                        inner,
                        seeding.call,
                        "error",
                        f"`{short(seeding.call)}` runs in "
                        f"`{maker.cls.node.name}.{method.name}`. The workers start again "
                        "in each epoch and get these seeds again.",
                        "Delete the seed: torch seeds each worker anew in each epoch.",
                    )
