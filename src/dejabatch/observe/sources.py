"""Find where the classes and functions of a loader are defined in the user's files."""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from dejabatch.observe.record import Source
from dejabatch.state.reach import is_a, library_of, walk

_ROOTS = ("dataset", "batch_sampler", "sampler", "collate_fn", "worker_init_fn")
# Larger containers hold data, which has no code.
_MOST_ITEMS = 64
_MOST_OBJECTS = 2000


def sources_of(loader: Any) -> Iterator[Source]:
    """Yield where the user's classes of a loader's objects are defined.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader or iterable
        The loader.

    Yields
    ------
    dejabatch.observe.record.Source
        One for each object, the nearest to the loader first. Classes of installed
        libraries and of the standard library are left out.
    """
    roots = {"loader": loader}
    if isinstance(loader, DataLoader):
        roots = {name: getattr(loader, name) for name in _ROOTS}
    reached = walk(roots, enter=_is_small, classes=False)
    for path, value in itertools.islice(reached, _MOST_OBJECTS):
        if (source := source_of(path, value)) is not None:
            yield source


def source_of(path: str, value: object) -> Source | None:
    """Return where a function or an object's class is defined; None if not by the user.

    Parameters
    ----------
    path : str
        Path of the object.
    value : object
        A function, or an instance of any class.
    """
    is_function = is_a(value, types.FunctionType)
    defined: Any = value if is_function else type(value)
    module = defined.__module__
    if not isinstance(module, str) or not _is_users(module):
        return None
    if is_function:
        code = defined.__code__
        return Source(path, code.co_filename, code.co_qualname, code.co_firstlineno)
    file = getattr(sys.modules.get(module), "__file__", None)
    return None if file is None else Source(path, file, defined.__qualname__)


def _is_users(module: str) -> bool:
    package = module.partition(".")[0]
    if package == "__main__":
        return True
    own = package in {"dejabatch", "torch", *sys.stdlib_module_names}
    return not own and library_of(module) is None


def _is_small(value: object) -> bool:
    for kind in (dict, list, tuple, set, frozenset):
        if is_a(value, kind):
            return kind.__len__(value) <= _MOST_ITEMS  # type: ignore[arg-type]
    return True
