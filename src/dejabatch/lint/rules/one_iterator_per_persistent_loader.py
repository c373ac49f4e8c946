"""Find ``zip(loader, loader)``: a loader with persistent workers has one iterator."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls of ``zip`` that name one loader several times."""
    for call in module.calls():
        if module.called_name(call) in {"zip", "itertools.zip_longest"}:
            loaders = [ast.unparse(a) for a in call.args if module.is_loader(a)]
            if len(loaders) > len(set(loaders)):
                yield call
