"""Find transforms that are set on one half of a split."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Item, Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("random_split|Subset", r"\.\w*(transform|aug|train|mode)\w*\s*=")

_ATTRIBUTE: Final = re.compile(
    r"transforms?|augment\w*|aug|is_train|train|training|mode"
)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the assignments to the transform of a half, or of the shared dataset."""
    for name, stores in module.stored_attributes().items():
        if not _ATTRIBUTE.search(name):
            continue
        for target, value in stores:
            if not isinstance(target, ast.Attribute):
                continue
            owner = target.value
            through = isinstance(owner, ast.Attribute) and owner.attr == "dataset"
            half = (
                owner.value if isinstance(owner, ast.Attribute) and through else owner
            )
            if not _is_half(module, half, run):
                continue
            text = short(target)
            if through:
                if _has_its_own_dataset(module, half) or not isinstance(value, ast.AST):
                    continue
                yield Found(
                    module,
                    target,
                    "error",
                    f"`{short(half)}` is a part of a split, and `{text}` belongs to the "
                    "dataset that all parts share: the last assignment wins for all.",
                )
            elif name in {"transform", "transforms", "target_transform"}:
                yield Found(
                    module,
                    target,
                    "error",
                    f"`{short(half)}` is a `Subset`, which never reads `{text}`: the "
                    "dataset behind the part keeps its transform.",
                )


def _is_half(module: Module, node: ast.expr, run: Run) -> bool:
    """Return whether an expression is a part that ``random_split`` or `Subset` made."""
    for inner, value in run.project.values(module, node):
        call = value.value if isinstance(value, Item) else value
        if inner.called_name(call).rpartition(".")[2] in {"random_split", "Subset"}:
            # A class of the run with this name may read the attribute.
            own = isinstance(call, ast.Call) and run.project.values(inner, call.func)
            return not own
    return False


def _has_its_own_dataset(module: Module, half: ast.expr) -> bool:
    """Return whether the program gives a part a copy of the dataset."""
    name = ast.unparse(half)
    copied = re.compile(rf"{re.escape(name)}\.dataset\s*=\s*[^=]")
    return bool(copied.search(module.source.text))
