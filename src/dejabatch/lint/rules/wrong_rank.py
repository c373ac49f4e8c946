"""Find samplers that take the rank on the machine for the rank in the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module
from dejabatch.lint.project import Definition
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("Sampler|split_dataset_by_node", "LOCAL_RANK|local_?rank|[lL]ocalRank")

_SAMPLER: Final = re.compile(r"Distributed\w*Sampler$|^DistributedSampler$")
_LOCAL: Final = re.compile(r"local_?rank", re.IGNORECASE)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the samplers whose `rank` is a local rank."""
    for call in module.calls():
        last = module.called_name(call).rpartition(".")[2]
        if last == "split_dataset_by_node":
            position = 1
        elif _SAMPLER.search(last):
            position = 2
        else:
            continue
        rank = run.loaders.arguments(module, call).values.get("rank")
        if rank is None and len(call.args) > position:
            rank = Definition(module, call.args[position])
        if rank is None or not isinstance(rank.node, ast.AST):
            continue
        where = _local(rank, run)
        if where is not None:
            yield Found(
                module,
                call,
                "warning",
                f"`rank={short(rank.node)}` is the rank on one machine{where}. With "
                "several machines, the first process of each machine reads the same "
                "part, and other parts are never read.",
            )


def _local(rank: Definition, run: Run) -> str | None:
    """Return where a local rank comes from, and None for other values."""
    node = rank.node
    if not isinstance(node, ast.AST):
        return None
    if _LOCAL.search(ast.unparse(node)):
        return ""
    for module, value in run.project.values(rank.module, node):
        if isinstance(value, ast.expr) and _LOCAL.search(ast.unparse(value)):
            return f", set at {module.place(value)}"
    return None
