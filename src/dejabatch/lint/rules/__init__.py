"""The lint rules: each module finds one failure mode.

The module's name is the failure mode's slug, with underscores. The module's function
``check`` takes a `dejabatch.lint.module.Module` and yields the nodes that have the
failure. A new file in this folder is a new rule; there is no list to extend.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from dejabatch.lint.module import Module

__all__ = ["RULES", "Check"]

Check: TypeAlias = Callable[[Module], Iterator[ast.expr]]


def _checks_by_slug() -> dict[str, Check]:
    checks: dict[str, Check] = {}
    for rule in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{rule.name}")
        checks[rule.name.replace("_", "-")] = module.check
    return checks


RULES: Final[Mapping[str, Check]] = MappingProxyType(_checks_by_slug())
"""The rule of each failure mode that the source shows, by slug."""
