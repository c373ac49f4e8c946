"""Find a DistributedSampler whose loader ``accelerator.prepare`` splits once more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dejabatch.lint.module import Item, Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("DistributedSampler",)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the DistributedSamplers in a program that calls ``accelerator.prepare``."""
    prepares = re.search(r"\bprepare(_data_loader)?\(", module.source.text)
    if not prepares:
        return
    for call in module.calls():
        last = module.called_name(call).rpartition(".")[2]
        if last != "DistributedSampler":
            continue
        prepared = _prepared(module, call, run)
        if prepared is not None:
            yield Found(
                module,
                call,
                "error",
                f"`{short(call)}` gives each rank its part, and "
                f"`{short(prepared)}` splits the loader between the ranks once more.",
            )


def _prepared(module: Module, sampler: ast.Call, run: Run) -> ast.Call | None:
    """Return the call that prepares a loader with a sampler."""
    for call in module.calls():
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in {
            "prepare",
            "prepare_data_loader",
        }:
            continue
        if not _is_accelerator(module, function.value, run):
            continue
        for argument in call.args:
            for inner, value in run.project.values(module, argument):
                made = value.value if isinstance(value, Item) else value
                if isinstance(made, ast.Call) and _has_sampler(
                    inner, made, sampler, run
                ):
                    return call
    return None


def _is_accelerator(module: Module, node: ast.expr, run: Run) -> bool:
    return "accelerator" in ast.unparse(node).lower() or any(
        inner.called_name(value).endswith("Accelerator")
        for inner, value in run.project.values(module, node)
    )


def _has_sampler(module: Module, loader: ast.Call, sampler: ast.Call, run: Run) -> bool:
    if not run.loaders.is_loader_call(module, loader):
        return False
    arguments = run.loaders.arguments(module, loader).values
    for name in ("sampler", "batch_sampler"):
        if name not in arguments:
            continue
        value = arguments[name]
        if not isinstance(value.node, ast.AST):
            continue
        for inner, made in run.project.values(value.module, value.node):
            nested = isinstance(made, ast.Call) and any(
                d.node is sampler
                for argument in made.args
                for d in run.project.values(inner, argument)
            )
            if made is sampler or nested:
                return True
    return False
