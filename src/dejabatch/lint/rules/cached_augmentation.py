"""Find functions that draw random numbers and whose result is cached."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module

_CACHES: Final = {"functools.lru_cache", "functools.cache"}
_TRANSFORM: Final = re.compile(r"transforms?|aug\w*|crop\w*", re.IGNORECASE)


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the cache decorators of functions that draw random numbers."""
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for decorator in function.decorator_list:
            cache = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.full_name(cache) in _CACHES and _is_random(module, function):
                yield decorator


def _is_random(module: Module, function: ast.FunctionDef) -> bool:
    for call in module.calls(function):
        name = module.called_name(call)
        if name.startswith(("numpy.random.", "random.", "torch.rand")):
            return True
        if name.startswith("self.") and _TRANSFORM.fullmatch(name.partition(".")[2]):
            return True
    return False
