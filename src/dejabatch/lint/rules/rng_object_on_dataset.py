"""Find generators that a dataset makes once and that every worker copies."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.seeding import GENERATOR_CLASSES


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the attributes that hold a generator made in a dataset's ``__init__``."""
    for dataset in module.dataset_classes():
        methods = {n.name: n for n in dataset.body if isinstance(n, ast.FunctionDef)}
        if "__init__" not in methods or "__getitem__" not in methods:
            continue
        attributes = [
            node
            for name, method in methods.items()
            if name != "__init__"
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
        ]
        # An attribute that a method assigns may have replaced the generator.
        assigned = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
        used = {node.attr for node in attributes} - assigned
        for node in ast.walk(methods["__init__"]):
            if (
                isinstance(node, ast.Assign)
                and module.called_name(_without_seed(node.value)) in GENERATOR_CLASSES
            ):
                for target in node.targets:
                    if (
                        isinstance(target, ast.Attribute)
                        and ast.unparse(target.value) == "self"
                        and target.attr in used
                    ):
                        yield target


def _without_seed(value: ast.expr) -> ast.expr:
    """Return ``torch.Generator()`` for ``torch.Generator().manual_seed(0)``."""
    match value:
        case ast.Call(func=ast.Attribute(value=generator, attr="manual_seed")):
            return generator
    return value
