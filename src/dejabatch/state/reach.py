"""Every object that a dataset can reach, with the path that leads to it.

The walk runs no code of the user's: it reads attributes, slots, closures and containers
where Python stores them, without properties, ``__getattr__`` or overridden iterators.
"""

from __future__ import annotations

import collections
import functools
import itertools
import logging
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from dejabatch.state.fingerprint import fingerprint

LEAVES: Final = (
    torch.Tensor,
    np.ndarray,
    np.generic,
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    logging.Logger,
    types.ModuleType,
)
"""What is not entered."""

_LARGEST_CONTAINER = 4096
_MOST_OBJECTS = 20_000
# What these hold is theirs: global generators, constants, thousands of classes.
_FOREIGN = frozenset(
    {
        *sys.stdlib_module_names,
        *("PIL", "cv2", "h5py", "matplotlib", "numpy", "pandas", "pyarrow", "scipy"),
        *("skimage", "sklearn", "tensorflow", "torch", "torchvision", "transformers"),
    }
)
# A library keeps registers of its classes there, and whole schemas.
_REGISTERS = (type, dict, list, tuple, set, frozenset)
_CACHE = type(functools.lru_cache(lambda: None))


def walk(
    roots: Mapping[str, object],
    *,
    enter: Callable[[object], bool] = lambda _: True,
    classes: bool = True,
) -> Iterator[tuple[str, object]]:
    """Yield every object that some objects can reach, the nearest first.

    Parameters
    ----------
    roots : mapping of str to object
        Where to start, by the name that begins each path, such as ``{"dataset": ds}``.
    enter : callable, optional
        Tells whether to go on to what an object holds. `LEAVES` are never entered.
    classes : bool
        Whether an object's class and what its methods name count as held by it.

    Yields
    ------
    path : str
        How to reach the object, for example ``dataset.transform.transforms[2].rng``.
    value : object
        The object, by its shortest path, and once unless it is one of the `LEAVES`. Of a
        container with thousands of items only the first are followed.
    """
    queue = collections.deque(roots.items())
    # The objects are kept with their ids, which Python would otherwise give away again.
    entered: dict[int, object] = {}
    while queue and len(entered) < _MOST_OBJECTS:
        path, value = queue.popleft()
        if is_a(value, LEAVES):
            yield path, value
        elif id(value) not in entered:
            entered[id(value)] = value
            yield path, value
            if enter(value):
                queue.extend(_parts(path, value, classes=classes))


def contents(
    roots: Mapping[str, object], *, enter: Callable[[object], bool] = lambda _: True
) -> dict[str, tuple[str, object]]:
    """Return what changes when the state that some objects hold changes.

    Parameters
    ----------
    roots, enter
        As for `walk`.

    Returns
    -------
    dict of str to (str, object)
        By path: ``("array", digest)`` of a tensor or array, ``("value", digest)`` of a
        number or text, ``("container", length)``, and ``("cache", entries)`` of a
        `functools.lru_cache`.
    """
    found: dict[str, tuple[str, object]] = {}
    for path, value in walk(roots, enter=enter):
        if is_a(value, _CACHE):
            found[path] = ("cache", value.cache_info().currsize)  # type: ignore[attr-defined]
        elif is_a(value, types.ModuleType):
            continue
        elif is_a(value, (torch.Tensor, np.ndarray)):
            found[path] = ("array", fingerprint(value))
        elif is_a(value, LEAVES):
            found[path] = ("value", fingerprint(value))
        else:
            for kind in (dict, list, set, collections.deque):
                if is_a(value, kind):
                    found[path] = ("container", kind.__len__(value))  # type: ignore[arg-type]
    return found


def holders(roots: Mapping[str, object], sample: object) -> list[str]:
    """Return the paths of objects that are part of a sample, or share memory with it.

    Parameters
    ----------
    roots : mapping of str to object
        Where to look.
    sample : object
        Any nested sample.

    Returns
    -------
    list of str
        The nearest first.
    """
    parts = [part for _, part in walk({"": sample}, classes=False)]
    objects = {id(part) for part in parts if not is_a(part, LEAVES)}
    blocks = {memory_of(part) for part in parts} - {None}
    return [
        path
        for path, value in walk(roots, classes=False)
        if id(value) in objects or memory_of(value) in blocks
    ]


def memory_of(value: object) -> int | None:
    """Return the address of the block of memory that a tensor or array lies in."""
    if is_a(value, torch.Tensor):
        tensor: Any = value
        try:
            return tensor.untyped_storage().data_ptr() or None
        except (NotImplementedError, RuntimeError):  # a sparse tensor has several
            return None
    if is_a(value, np.ndarray):
        array: Any = value
        while is_a(array.base, np.ndarray):
            array = array.base
        return int(array.__array_interface__["data"][0])
    return None


@functools.lru_cache
def library_of(module: str) -> str | None:
    """Return the installed package that a module is part of; None for other modules."""
    name = module.partition(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return name if {"site-packages", "dist-packages"} & set(Path(file).parts) else None


def is_a(value: object, kinds: Any) -> bool:
    """Do as isinstance does, without asking the object for its ``__class__``."""
    return issubclass(type(value), kinds)


def _parts(path: str, value: Any, *, classes: bool) -> Iterator[tuple[str, object]]:
    """Yield what an object holds, each with its path."""
    if is_a(value, types.MethodType):
        yield f"{path}.__self__", value.__self__
        yield path, value.__func__
    elif is_a(value, types.FunctionType):
        yield from _function_parts(path, value)
    elif is_a(value, functools.partial):
        yield f"{path}.func", value.func
        yield f"{path}.args", value.args
        yield f"{path}.keywords", value.keywords
    elif is_a(value, type):
        yield from _class_parts(path, value)
    else:
        yield from _items(path, value)
        yield from _attributes(path, value)
        if classes:
            yield from _class_parts(f"type({path})", type(value))


def _items(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if is_a(value, dict):
        some = itertools.islice(dict.items(value), _LARGEST_CONTAINER)
        yield from [(f"{path}[{key!r}]", item) for key, item in some]
        return
    kinds: tuple[Any, ...] = (list, tuple, set, frozenset, collections.deque)
    for kind in kinds:
        if is_a(value, kind):
            some = itertools.islice(kind.__iter__(value), _LARGEST_CONTAINER)
            yield from [(f"{path}[{i}]", item) for i, item in enumerate(some)]


def _attributes(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield what an instance stores in its ``__dict__`` and in its slots."""
    try:
        stored = object.__getattribute__(value, "__dict__")
    except AttributeError:
        stored = {}
    if isinstance(stored, dict):
        yield from [(f"{path}.{name}", item) for name, item in list(stored.items())]
    for cls in type(value).__mro__:
        for name, member in list(vars(cls).items()):
            if isinstance(member, types.MemberDescriptorType):
                try:
                    yield f"{path}.{name}", member.__get__(value)
                except AttributeError:  # a slot that was never filled
                    continue


def _class_parts(path: str, cls: type) -> Iterator[tuple[str, object]]:
    """Yield what the user's classes hold: attributes, and what their methods name."""
    for owner in cls.__mro__:
        if owner.__module__.partition(".")[0] in _FOREIGN:
            continue
        of_library = library_of(owner.__module__) is not None
        for name, item in list(vars(owner).items()):
            if of_library and is_a(item, _REGISTERS):
                continue
            if is_a(item, (staticmethod, classmethod)):
                yield f"{path}.{name}", item.__func__
            elif is_a(item, property):
                yield f"{path}.{name}", item.fget
            elif not is_a(item, types.MemberDescriptorType):
                yield f"{path}.{name}", item


def _function_parts(path: str, function: Any) -> Iterator[tuple[str, object]]:
    """Yield what a function holds in its closure and defaults, and the globals it names."""
    if function.__module__ is None:
        return
    if function.__module__.partition(".")[0] in _FOREIGN:
        return
    for name, cell in zip(
        function.__code__.co_freevars, function.__closure__ or (), strict=True
    ):
        try:
            yield f"{path}.<{name}>", cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    yield f"{path}.__defaults__", function.__defaults__
    yield f"{path}.__kwdefaults__", function.__kwdefaults__
    of_library = library_of(function.__module__) is not None
    for named, item in _globals_of(function):
        if not (of_library and is_a(item, _REGISTERS)):
            yield named, item


def _globals_of(function: Any) -> Iterator[tuple[str, object]]:
    """Yield the globals that a function names, and those of modules that it names."""
    names = _names_of(function.__code__)
    for name in names & function.__globals__.keys():
        item = function.__globals__[name]
        if is_a(item, types.ModuleType):
            if item.__name__.partition(".")[0] not in _FOREIGN:
                for attribute in names & vars(item).keys():
                    yield f"{item.__name__}.{attribute}", vars(item)[attribute]
        else:
            yield f"{function.__module__}.{name}", item


def _names_of(code: types.CodeType) -> set[str]:
    """Return the global and attribute names in a function and in those inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_of(constant)
    return names
