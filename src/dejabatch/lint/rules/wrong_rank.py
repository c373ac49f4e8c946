"""Find samplers that take the rank on the machine for the rank in the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module
from dejabatch.lint.project import Definition
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("Sampler|split_dataset_by_node", "LOCAL_RANK|local_rank|localrank|ocalRank")

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
    if not isinstance(node, ast.expr) or _of_mesh(rank.module, node):
        return None
    values = [*run.project.values(rank.module, node)]
    if any(_of_mesh(module, value) for module, value in values):
        return None
    if _LOCAL.search(ast.unparse(node)):
        return ""
    for module, value in values:
        if isinstance(value, ast.expr) and _LOCAL.search(ast.unparse(value)):
            return f", set at {module.place(value)}"
    return None


def _of_mesh(module: Module, value: object) -> bool:
    """Return whether a value is a rank in a dimension of a DeviceMesh.

    ``mesh.get_local_rank()`` is a method of an object. The functions of this name that
    give the rank on a machine are imported, or belong to a module.
    """
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    owner = value.func.value
    while isinstance(owner, (ast.Attribute, ast.Subscript)):
        owner = owner.value
    imported = isinstance(owner, ast.Name) and owner.id in module.imported
    return value.func.attr == "get_local_rank" and not imported
