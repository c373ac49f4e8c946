"""Find epochs in the ``worker_init_fn`` of persistent workers, which runs only once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.origins import EPOCH
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.seeding import GENERATOR_CLASSES, SEED_FUNCTIONS

TRIGGER = ("worker_init_fn", "persistent_workers")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls that seed persistent workers with an epoch."""
    for init in run.loaders.worker_inits(module):
        if not run.loaders.has_persistent_workers(init.arguments):
            continue
        for frame in init.frames:
            for call in frame.module.calls(frame.function):
                name = frame.module.called_name(call)
                if name not in SEED_FUNCTIONS and name not in GENERATOR_CLASSES:
                    continue
                arguments: list[ast.expr] = [*call.args]
                arguments += [k.value for k in call.keywords]
                if any(_depends_on_epoch(run, frame, a) for a in arguments):
                    yield Found(
                        frame.module,
                        call,
                        "error",
                        f"`{short(call)}` uses the epoch, and the workers of the loader "
                        f"at {module.place(init.node)} are persistent: the function "
                        "runs in the first epoch only.",
                    )


def _depends_on_epoch(run: Run, frame, argument: ast.expr) -> bool:  # type: ignore[no-untyped-def]
    return any(
        EPOCH in run.tracer.origins(node, frame).kinds
        for node in ast.walk(argument)
        if isinstance(node, (ast.Name, ast.Attribute))
    )
