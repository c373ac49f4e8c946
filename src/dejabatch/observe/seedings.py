"""Note the constructors that seed a global generator while a loader is made.

This belongs in a process that ends afterwards, because functions are replaced.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader

from dejabatch.observe.record import Seeding
from dejabatch.state.reach import walk

Loader = TypeVar("Loader")

_SEEDING: dict[str, tuple[Any, str]] = {
    "random": (random, "seed"),
    "np.random": (np.random, "seed"),
    "torch": (torch, "manual_seed"),
}
_PARTS = ("dataset", "sampler", "batch_sampler", "collate_fn")


def noting_seeds(make: Callable[[], Loader]) -> tuple[Loader, SeedingConstructors]:
    """Return what a function makes, and the constructors that seeded a generator.

    numba cannot compile a call of a seeding function that is replaced. The function is
    called once more where that may have been the reason of an exception.
    """
    constructors = SeedingConstructors()
    try:
        with constructors:
            return make(), constructors
    except Exception:
        if "numba" not in sys.modules:
            raise
    return make(), SeedingConstructors()


class SeedingConstructors:
    """A ``with`` block in which calls of the seeding functions are noted.

    A call by a name that was imported with ``from random import seed`` is not noted.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[str, object]] = []

    def __enter__(self) -> Self:
        self._originals = {name: getattr(*place) for name, place in _SEEDING.items()}
        for name, (module, attribute) in _SEEDING.items():
            setattr(module, attribute, self._noting(name))
        return self

    def __exit__(self, *_: object) -> None:
        for name, (module, attribute) in _SEEDING.items():
            setattr(module, attribute, self._originals[name])

    def of(self, loader: DataLoader[Any]) -> Iterator[Seeding]:
        """Yield the constructors of a loader's parts that have seeded a generator."""
        if not self._calls:
            return
        roots = {part: getattr(loader, part) for part in _PARTS}
        paths = {id(value): path for path, value in walk(roots, classes=False)}
        paths[id(loader)] = "loader"
        for generator, constructed in self._calls:
            if id(constructed) in paths:
                yield Seeding(generator, f"{paths[id(constructed)]}.__init__")

    def _noting(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def seed(*args: Any, **kwargs: Any) -> Any:
            if args or kwargs:  # without a seed, the generator gets entropy
                self._calls += [(name, one) for one in _constructed(sys._getframe(1))]
            return original(*args, **kwargs)

        return seed


def _constructed(frame: FrameType | None) -> Iterator[object]:
    """Yield the objects whose ``__init__`` is running, the innermost first."""
    while frame is not None:
        code = frame.f_code
        if code.co_name in {"__init__", "__post_init__"} and code.co_argcount:
            yield frame.f_locals.get(code.co_varnames[0])
        frame = frame.f_back
