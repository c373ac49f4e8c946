"""The lint rules: each module finds one failure mode.

The module's name is the failure mode's slug, with underscores. The module's function
``check`` takes a `dejabatch.lint.module.Module` and the `dejabatch.lint.run.Run`, and
yields what it found. ``TRIGGER`` holds patterns that must all match; other files are
skipped. A pattern is a regular expression, or a choice of words such as
``seed(|Random(``. Words are found much faster than a regular expression.

To add a rule, add a file to this folder.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run

__all__ = ["RULES", "Check", "Rule"]

Check: TypeAlias = Callable[[Module, Run], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: which files it reads, and its check."""

    trigger: tuple[str, ...]
    check: Check

    def reads(self, text: str) -> bool:
        """Return whether the text of a file may have the failure."""
        return all(_occurs(pattern, text) for pattern in self.trigger)


def _occurs(pattern: str, text: str) -> bool:
    if words := _words(pattern):
        return any(word in text for word in words)
    return re.search(pattern, text) is not None


@functools.cache
def _words(pattern: str) -> tuple[str, ...]:
    """Return the words that a pattern names, or nothing for a regular expression."""
    words = tuple(pattern.split("|"))
    plain = all(word.removesuffix("(").isidentifier() for word in words)
    return words if plain else ()


def _rules_by_slug() -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        slug = info.name.replace("_", "-")
        rules[slug] = Rule(module.TRIGGER, module.check)
    return rules


RULES: Final[Mapping[str, Rule]] = MappingProxyType(_rules_by_slug())
"""The rule of each failure mode that the source shows, by slug."""
