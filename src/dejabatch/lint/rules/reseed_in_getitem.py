"""Find global generators that a dataset or a transform seeds with a fixed value."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.conditions import runs_once
from dejabatch.lint.fixed_seeds import is_endless
from dejabatch.lint.module import FUNCTIONS, Module
from dejabatch.lint.origins import FIXED, INDEX, Frame
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import Maker, makers
from dejabatch.lint.seeding import Seeding, restores_state

TRIGGER = ("seed", "__getitem__|__call__|__iter__|__next__", "class")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls that seed a global generator while a sample is made."""
    for maker in makers(module, run):
        if maker.kind == "sampler":
            continue
        for definition in run.project.reachable(maker.cls, *maker.entries):
            inner, method = definition
            if not isinstance(method, FUNCTIONS) or isinstance(method, ast.Lambda):
                continue
            # A stream seeds once for a whole pass.
            if maker.kind == "stream" and (
                method.name == "__iter__" or is_endless(inner, method)
            ):
                continue
            frame = Frame(inner, method, roles=_roles(maker, method))
            for seeding in run.seeds.inside(frame):
                found = _judge(maker, method, seeding)
                if found is not None:
                    yield found


def _roles(
    maker: Maker, method: ast.FunctionDef | ast.AsyncFunctionDef
) -> dict[str, str]:
    names = [a.arg for a in method.args.args][1:2]
    is_entry = method.name == "__getitem__" and maker.kind == "dataset"
    return dict.fromkeys(names, INDEX) if is_entry else {}


def _judge(
    maker: Maker,
    method: ast.FunctionDef | ast.AsyncFunctionDef,
    seeding: Seeding,
) -> Found | None:
    kinds = seeding.origins.kinds
    module, call = seeding.module, seeding.call
    # The rule about worker seeds finds the number of the worker.
    if not kinds <= FIXED | {INDEX}:
        return None
    if seeding.only_in_a_mode or _is_for_evaluation(maker):
        return None
    # A flag of the object lets each worker seed once, and all samples then differ.
    if runs_once(module, call):
        return None
    who = f"`{short(call)}` runs in `{maker.cls.node.name}.{method.name}`"
    restored = restores_state(module, method)
    if INDEX in kinds:
        # A fixed sample for each index may be wanted: generated data, for example.
        return Found(
            module,
            call,
            "note" if restored else "warning",
            f"{who} with a seed that depends on the index only: each sample draws the "
            "same numbers in every epoch.",
            "Add the epoch to the seed, and give the numbers to a generator of the "
            "sample instead of the global one.",
        )
    trail = "; ".join(seeding.origins.trail[:2])
    return Found(
        module,
        call,
        "warning" if restored else "error",
        f"{who} with the same seed for every sample{f': {trail}' if trail else ''}. "
        "Each sample draws the same numbers.",
    )


def _is_for_evaluation(maker: Maker) -> bool:
    name = maker.cls.node.name.lower()
    return any(word in name for word in ("val", "test", "eval")) and "train" not in name
