"""Make every sample, and find the stored items that none of them reads.

This belongs in a process that ends afterwards, because lists are replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, SupportsIndex

from dejabatch.chance import FEWEST_EQUAL
from dejabatch.state.attributes import attribute
from dejabatch.state.reach import walk

_SECONDS = 1.0


class _Noted(list[Any]):
    """A list that notes which of its items are read."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.read: set[int] = set()

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        numbers = range(len(self))[key]
        self.read.update([numbers] if isinstance(numbers, int) else numbers)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))


def lists_without_last(
    roots: Mapping[str, object], make: Callable[[int], object], length: int
) -> tuple[str, ...]:
    """Return the lists of which samples read each item but the last.

    Parameters
    ----------
    roots : mapping of str to object
        Where to look for lists.
    make : callable
        Makes the sample of an index.
    length : int
        How many samples there are.

    Returns
    -------
    tuple of str
        Paths, such as ``dataset.documents``; empty if making all samples takes too long.
    """
    lists: dict[str, _Noted] = {}
    for path, holder in list(walk(roots, classes=False)):
        held = holder if type(holder) is dict else attribute(holder, "__dict__", {})
        for name, value in list(held.items()):
            if _holds_items(value):
                held[name] = _Noted(value)
                inner = f"{path}[{name!r}]" if held is holder else f"{path}.{name}"
                lists[inner] = held[name]
    deadline = time.monotonic() + _SECONDS
    for index in range(length) if lists else ():
        if time.monotonic() > deadline:
            return ()
        make(index)
    return tuple(
        path for path, noted in lists.items() if noted.read == {*range(len(noted) - 1)}
    )


def _holds_items(value: object) -> bool:
    """Return whether a value is a list of more than numbers, which may be offsets."""
    return (
        type(value) is list
        and len(value) > FEWEST_EQUAL
        and not isinstance(value[-1], (int, float))
    )
