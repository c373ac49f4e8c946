"""Find generators that a ``collate_fn`` makes once and every worker copies."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.copied_generators import (
    MAKES_A_GENERATOR,
    copied_generators,
    is_collate_function,
)
from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run

TRIGGER = MAKES_A_GENERATOR


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the generators of collate functions."""
    for maker, found in copied_generators(module, run):
        if is_collate_function(maker, run):
            yield found
