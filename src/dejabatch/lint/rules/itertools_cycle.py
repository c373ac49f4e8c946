"""Find ``itertools.cycle(loader)``, which keeps and repeats the first epoch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dejabatch.lint.loops import enclosing_loops, is_epoch_loop
from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, Severity, short

TRIGGER = ("itertools", "cycle")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls of ``itertools.cycle`` on a loader."""
    for call in module.calls():
        if module.called_name(call) not in {"itertools.cycle", "more_itertools.cycle"}:
            continue
        if not call.args or _is_bounded(module, call):
            continue
        iterable = call.args[0]
        # The batches of `iter(loader)` are kept and repeated in the same way.
        if module.called_name(iterable) in {"iter", "enumerate", "tqdm", "tqdm.tqdm"}:
            if not isinstance(iterable, ast.Call) or not iterable.args:
                continue
            iterable = iterable.args[0]
        if not run.loaders.is_loader(module, iterable):
            continue
        severity, effect = _effect(module, call, iterable)
        yield Found(
            module,
            call,
            severity,
            f"`{short(call)}` stores every batch of its first pass over "
            f"`{short(iterable)}` and then repeats the stored batches{effect}.",
        )


def _is_bounded(module: Module, call: ast.Call) -> bool:
    """Return whether the loader's own length ends the cycle."""
    name = ast.unparse(call.args[0]) if call.args else ""
    parent = module.parents.get(call)
    if not isinstance(parent, ast.Call):
        return False
    others = [ast.unparse(a) for a in parent.args if a is not call]
    return any(f"len({name})" in other for other in others)


def _effect(module: Module, call: ast.Call, loader: ast.expr) -> tuple[Severity, str]:
    text = ast.unparse(loader)
    if re.search(r"(^|[._])(val|valid|validation|test|eval)", text) and (
        "train" not in text
    ):
        return "note", ""
    parent = module.parents.get(call)
    in_zip = (
        isinstance(parent, ast.Call)
        and module.called_name(parent) == "zip"
        and len(parent.args) > 1
    )
    # A cycle that each epoch makes again repeats only if the other loader is longer.
    if in_zip and _is_made_each_epoch(module, call):
        effect = " until the longer loader ends: in memory, without a new shuffle"
        return "warning", effect
    return "error", ": no new shuffle, no new augmentation"


def _is_made_each_epoch(module: Module, call: ast.Call) -> bool:
    """Return whether a loop over epochs makes the cycle again."""
    if any(True for _ in enclosing_loops(module, call)):
        return True
    function = module.function(call)
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    names = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
    if any(re.search("epoch", name) for name in (function.name, *names)):
        return True
    return any(
        module.called_name(other) == function.name
        and any(is_epoch_loop(loop) for loop in enclosing_loops(module, other))
        for other in module.calls()
    )
