"""Trace a sampler or a stream, and find the functions that make or seed a generator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

from dejabatch.observe.experiments.getitem_trace import SEEDING_NAMES, is_of_user

T = TypeVar("T")


def seeding_functions(run: Callable[[], T]) -> tuple[T, tuple[str, ...]]:
    """Run a function, and name the user's functions below it that seed a generator.

    Parameters
    ----------
    run : callable
        Iterates a sampler or a stream.

    Returns
    -------
    result : object
        What `run` returned.
    names : tuple of str
        Qualified names of the functions, such as ``Shuffled.__iter__``, sorted.
    """
    ran: set[CodeType] = set()

    def trace(frame: FrameType, _event: str, _argument: Any) -> None:
        if frame.f_code not in ran and _seeds(frame.f_code) and is_of_user(frame):
            ran.add(frame.f_code)

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        result = run()
    finally:
        sys.settrace(former)
    return result, tuple(sorted({code.co_qualname for code in ran}))


def _seeds(code: CodeType) -> bool:
    found = SEEDING_NAMES.intersection(code.co_names)
    # Code may read an attribute that is called seed, and use it elsewhere.
    return bool(found - {"seed"}) or bool(found and "random" in code.co_names)
