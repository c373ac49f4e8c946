"""Find ``itertools.cycle(loader)``, which keeps and repeats the first epoch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls of ``itertools.cycle`` on a DataLoader."""
    for call in module.calls():
        if module.called_name(call) == "itertools.cycle" and call.args:
            (iterable,) = call.args[:1]
            if module.is_loader(iterable) or module.is_loader_call(iterable):
                yield call
