"""Find loops over epochs, and samplers, that start every epoch from the same seed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.fixed_seeds import fixed_seeds, is_endless
from dejabatch.lint.loops import epoch_loops, reads_a_loader
from dejabatch.lint.module import Module
from dejabatch.lint.origins import Frame
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import makers
from dejabatch.lint.seeding import restores_state

TRIGGER = ("seed|Random(|default_rng|RandomState", "epoch|Epoch|EPOCH|sampler|Sampler")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls that seed with a fixed value in each epoch."""
    yield from _in_loops(module, run)
    if "Sampler" in module.source.text:
        yield from _in_samplers(module, run)


def _in_loops(module: Module, run: Run) -> Iterator[Found]:
    for loop in epoch_loops(module):
        if restores_state(module, loop) or not reads_a_loader(module, loop, run):
            continue
        frame = Frame(module, module.function(loop))
        for statement in loop.body:
            for seeding in run.seeds.inside(frame, statement):
                if not seeding.origins.is_fixed():
                    continue
                # torch's generator draws the order and the seeds of the workers.
                decides = "torch" in seeding.libraries
                trail = "; ".join(seeding.origins.trail[:2])
                yield Found(
                    module,
                    seeding.call,
                    "error" if decides else "warning",
                    f"`{short(seeding.call)}` runs in each epoch of the loop at "
                    f"{module.place(loop)} with the same seed"
                    f"{f': {trail}' if trail else ''}.",
                )


def _in_samplers(module: Module, run: Run) -> Iterator[Found]:
    for maker in makers(module, run):
        if maker.kind != "sampler":
            continue
        for definition in run.project.reachable(maker.cls, *maker.entries):
            if not isinstance(definition.node, ast.FunctionDef):
                continue
            if is_endless(definition.module, definition.node):
                continue
            for call, trail in fixed_seeds(definition, run):
                if not trail and not call.args and not call.keywords:
                    continue
                yield Found(
                    definition.module,
                    call,
                    "error",
                    f"`{short(call)}` in `{maker.cls.node.name}.__iter__` seeds with the "
                    f"same value in every epoch{f': {trail}' if trail else ''}, so "
                    "every epoch has the same order.",
                    "Add the epoch to the seed, and set the epoch with `set_epoch` "
                    "before each epoch.",
                )
