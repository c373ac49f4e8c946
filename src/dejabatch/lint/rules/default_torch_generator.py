"""Find loaders that shuffle by an unseeded ``torch.Generator()``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("Generator(", "generator", "torch")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the generators that start from torch's one fixed seed."""
    for call in module.calls():
        if module.called_name(call) != "torch.Generator":
            continue
        user = _user(module, call, run)
        if user is None:
            continue
        yield Found(
            module,
            call,
            "warning",
            f"`{short(user)}` draws from `{short(call)}`, and no code seeds the "
            "generator: every run has the same order.",
            "Call the generator's `manual_seed` with the seed of the run, or its "
            "`seed()` for another order in each run.",
        )


def _user(module: Module, made: ast.Call, run: Run) -> ast.Call | None:
    """Return the loader, sampler or split that draws from a generator, if unseeded."""
    outer = module.parents.get(made)
    if isinstance(outer, ast.Attribute):
        return None
    if isinstance(outer, ast.Assign) and len(outer.targets) == 1:
        name = ast.unparse(outer.targets[0])
        seeded = rf"{re.escape(name)}\s*\.\s*(manual_seed|seed|set_state)\b"
        if re.search(seeded, module.source.text):
            return None
    for call in module.calls():
        last = module.called_name(call).rpartition(".")[2]
        draws = last == "random_split" or last.endswith("Sampler")
        # A sampler of the run may seed the generator itself.
        if draws and run.project.values(module, call.func):
            continue
        if not draws and not run.loaders.is_loader_call(module, call):
            continue
        for keyword in call.keywords:
            if keyword.arg == "generator" and any(
                d.node is made for d in run.project.values(module, keyword.value)
            ):
                return call
    return None
