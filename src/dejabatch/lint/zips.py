"""Calls of ``zip`` that read one loader several times."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module
from dejabatch.lint.run import Run

ZIP: Final = ("zip", "oader|_dl", r"zip(_longest)?\s*\(")
"""The text of a file that may call ``zip`` on loaders."""

PERSISTENT: Final = "persistent workers"
DISTRIBUTED: Final = "DistributedSampler"
IN_ORDER: Final = "no shuffle"
SHUFFLED: Final = "another shuffle for each side"
UNKNOWN_LOADER: Final = "unknown"


def zips_of_one_loader(
    module: Module, run: Run
) -> Iterator[tuple[ast.Call, ast.expr, str]]:
    """Yield the calls of ``zip`` with one loader twice, the loader, and its kind."""
    for call in module.calls():
        if module.called_name(call) not in {"zip", "itertools.zip_longest"}:
            continue
        loaders: dict[str, ast.expr] = {}
        for argument in call.args:
            # `zip(iter(loader), loader)` reads the loader twice as well.
            inner: ast.expr = argument
            if module.called_name(argument) == "iter" and isinstance(
                argument, ast.Call
            ):
                inner = argument.args[0] if argument.args else argument
            if not run.loaders.is_loader(module, inner):
                continue
            name = ast.unparse(inner)
            if name in loaders:
                yield call, inner, _kind(module, inner, run)
                break
            loaders[name] = inner


def _kind(module: Module, loader: ast.expr, run: Run) -> str:
    for inner, node in run.project.values(module, loader):
        if not isinstance(node, ast.Call) or not run.loaders.is_loader_call(
            inner, node
        ):
            continue
        arguments = run.loaders.arguments(inner, node)
        if run.loaders.has_persistent_workers(arguments):
            return PERSISTENT
        sampler = arguments.values.get("sampler")
        if sampler is not None and isinstance(sampler.node, ast.AST):
            for made_in, made in run.project.values(sampler.module, sampler.node):
                if made_in.called_name(made).endswith("DistributedSampler"):
                    return DISTRIBUTED
            return UNKNOWN_LOADER
        if "batch_sampler" in arguments.values:
            return UNKNOWN_LOADER
        shuffle = arguments.values.get("shuffle")
        if shuffle is None:
            return IN_ORDER if arguments.complete else UNKNOWN_LOADER
        constant = run.loaders.constant(shuffle)
        if not isinstance(constant, bool):
            return UNKNOWN_LOADER
        return SHUFFLED if constant else IN_ORDER
    return UNKNOWN_LOADER
