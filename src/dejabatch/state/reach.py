"""Every object that a dataset can reach, with the path that leads to it.

The walk runs no user code. It reads attributes, slots, closures and containers where
Python stores them, and bypasses properties, ``__getattr__`` and overridden iterators.

Code comes before data: the walk enters attributes, closures and short containers first,
and the items of long containers afterwards. In a long container it enters a sample of the
items only, because records of one dataset resemble each other.
"""

from __future__ import annotations

import collections
import functools
import itertools
import logging
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from dejabatch.state.fingerprint import fingerprint

DATA: Final = (
    torch.Tensor,
    np.ndarray,
    np.generic,
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
)
"""Numbers, texts and arrays."""

LEAVES: Final = (*DATA, logging.Logger, types.ModuleType)
"""Types whose instances are yielded but never entered."""

MOST_OBJECTS: Final = 20_000
"""How many objects a walk enters at most."""

_MOST_ITEMS = 4096
# A container with more items is data: a sample of its items is entered, after all code.
_SHORT = 128
_SAMPLED_ITEMS = 64  # or up to twice as many
# Instances of these libraries lead to compilers, schemas, clients and event loops.
# pytest writes its own functions into the code of test modules, for the text of assertions.
_LIBRARIES_OF_LEAVES = frozenset(
    {
        *("_pytest", "pluggy", "pytest"),
        *("asyncio", "boto3", "botocore", "duckdb", "google", "grpc", "jax", "jaxlib"),
        *("llvmlite", "numba", "polars", "pyarrow", "sqlalchemy", "sqlite3"),
        "tensorflow",
    }
)
# Their classes and functions are not entered: they hold global generators, constants
# and thousands of other classes, none of which belong to the dataset.
_LIBRARIES_NOT_ENTERED = frozenset(
    {
        *sys.stdlib_module_names,
        *("PIL", "cv2", "h5py", "matplotlib", "numpy", "pandas", "pyarrow", "scipy"),
        *("skimage", "sklearn", "tensorflow", "torch", "torchvision", "transformers"),
        *_LIBRARIES_OF_LEAVES,
    }
)
# Libraries keep registries of classes and whole schemas in class attributes and globals
# of these types.
_REGISTRY_TYPES = (type, dict, list, tuple, set, frozenset)
_LRU_CACHE = type(functools.lru_cache(lambda: None))


def walk(
    roots: Mapping[str, object],
    *,
    enter: Callable[[object], bool] = lambda _: True,
    classes: bool = True,
    every_item: bool = False,
    positions: Collection[int] = (),
    sampled: Callable[[str, object], object] = lambda _path, _value: None,
    stopped: Callable[[str], object] = lambda _: None,
) -> Iterator[tuple[str, object]]:
    """Yield every object that some objects can reach: code first, then data.

    Parameters
    ----------
    roots : mapping of str to object
        Where to start, by the name that begins each path, such as ``{"dataset": ds}``.
    enter : callable, optional
        Takes an object and returns whether to walk what the object holds. `LEAVES` are
        never entered.
    classes : bool
        Whether an object also holds its class and what the class's methods name.
    every_item : bool
        Whether to follow the first 4096 items of a long container, in place of a sample.
    positions : collection of int
        Positions in long containers that belong to the sample, such as a sample's index.
    sampled : callable, optional
        Called with the path and the container when only a sample of items is followed.
    stopped : callable, optional
        Called with a path where the walk stopped because it entered `MOST_OBJECTS`.

    Yields
    ------
    path : str
        How to reach the object, for example ``dataset.transform.transforms[2].rng``.
    value : object
        The object, by its shortest path. `LEAVES` are yielded for each path, all other
        objects once.

    Notes
    -----
    The walk is breadth first, and enters what long containers hold after everything else.
    A container of more than 128 items is long; 64 to 128 of its items are followed.
    """
    code = collections.deque(roots.items())
    data: collections.deque[tuple[str, object]] = collections.deque()
    # Keeping the objects keeps Python from giving their ids to new objects.
    entered: dict[int, object] = {}
    while code or data:
        queue = code or data
        path, value = queue.popleft()
        if is_a(value, LEAVES):
            yield path, value
        elif id(value) not in entered:
            if len(entered) == MOST_OBJECTS:
                stopped(path)
                return
            entered[id(value)] = value
            yield path, value
            if not enter(value) or _is_foreign(value):
                continue
            whole = every_item or _is_short(value)
            queue.extend(_held(path, value, items=whole, classes=classes))
            if not whole:
                sampled(path, value)
                data.extend(_sample(path, value, positions))


def contents(
    roots: Mapping[str, object],
    *,
    enter: Callable[[object], bool] = lambda _: True,
    positions: Collection[int] = (),
) -> dict[str, tuple[str, object]]:
    """Return a summary of each stored value, which changes when the value changes.

    Parameters
    ----------
    roots, enter, positions
        As for `walk`.

    Returns
    -------
    dict of str to (str, object)
        By path: ``("array", digest)`` for a tensor or array, ``("value", digest)`` for a
        number or text, ``("container", length)`` for a container, and
        ``("cache", entries)`` for a `functools.lru_cache`.
    """
    return {
        path: (kind, content)
        for path, (kind, content, _) in stored_values(
            roots, enter=enter, positions=positions
        ).items()
    }


def stored_values(
    roots: Mapping[str, object],
    *,
    enter: Callable[[object], bool] = lambda _: True,
    positions: Collection[int] = (),
) -> dict[str, tuple[str, object, int]]:
    """Return what `contents` returns, with the identity of each array and container.

    Parameters
    ----------
    roots, enter, positions
        As for `walk`.

    Returns
    -------
    dict of str to (str, object, int)
        By path: kind and summary as in `contents`, and the id of an array or container.
        A number or text has the identity 0: it cannot be edited, only replaced.
    """
    found: dict[str, tuple[str, object, int]] = {}
    for path, value in walk(roots, enter=enter, positions=positions):
        if is_a(value, _LRU_CACHE):
            entries = value.cache_info().currsize  # type: ignore[attr-defined]
            found[path] = ("cache", entries, id(value))
        elif is_a(value, (torch.Tensor, np.ndarray)):
            found[path] = ("array", fingerprint(value), id(value))
        elif is_a(value, DATA):
            found[path] = ("value", fingerprint(value), 0)
        else:
            for kind in (dict, list, set, collections.deque):
                if is_a(value, kind):
                    length = kind.__len__(value)  # type: ignore[arg-type]
                    found[path] = ("container", length, id(value))
    return found


def edits(
    before: Mapping[str, tuple[str, object, int]],
    after: Mapping[str, tuple[str, object, int]],
) -> dict[str, str]:
    """Return what was edited in place between two results of `stored_values`.

    Parameters
    ----------
    before, after : mapping of str to (str, object, int)
        The stored values, by path.

    Returns
    -------
    dict of str to str
        The kind of each edited value, by path: ``"array"`` for an array with other
        content, ``"value"`` for a number, text or container that was replaced in a list or
        dictionary, ``"container"`` for a list or dictionary that has lost or won items,
        and ``"replaced"`` for any other value or array with another content.
    """
    edited = {}
    for path, (kind, content, identity) in before.items():
        same = after.get(path)
        if same is None or same == (kind, content, identity):
            continue
        holder = holder_of(path) if path.endswith("]") else ""
        in_one_holder = holder in before and holder in after
        same_holder = in_one_holder and before[holder][2] == after[holder][2]
        if kind == "value":
            edited[path] = "value" if same_holder else "replaced"
        elif kind in {"array", "container"} and same[2] == identity:
            edited[path] = kind
        elif kind == "array":
            edited[path] = "replaced"
        elif kind == "container" and same_holder:
            edited[path] = "value"
    return edited


def rearranged(
    before: Mapping[str, tuple[str, object, int]],
    after: Mapping[str, tuple[str, object, int]],
    *,
    certain: bool = False,
) -> set[str]:
    """Return the containers whose values may only have changed places.

    Parameters
    ----------
    before, after : mapping of str to (str, object, int)
        Two results of `stored_values`.
    certain : bool
        Whether to leave out containers with more items than `stored_values` looks at.

    Returns
    -------
    set of str
        Paths of containers that have the same values as before, in this order or another,
        or more items than `stored_values` looks at.
    """
    found = set()
    one, other = _contents_by_holder(before), _contents_by_holder(after)
    for holder, values in one.items():
        all_seen = holder in before and before[holder][1] == len(values)
        same = sorted(values) == sorted(other.get(holder, []))
        if (all_seen and same) or not (all_seen or certain):
            found.add(holder)
    return found


def _contents_by_holder(
    stored: Mapping[str, tuple[str, object, int]],
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, (_, content, _) in stored.items():
        if path.endswith("]"):
            found.setdefault(holder_of(path), []).append(str(content))
    return found


def holder_of(path: str) -> str:
    """Return the path of the container of an item."""
    return path[: path.rfind("[")]


def holders(
    roots: Mapping[str, object], sample: object, *, positions: Collection[int] = ()
) -> list[str]:
    """Return the paths of objects that are part of a sample, or share memory with it.

    Parameters
    ----------
    roots : mapping of str to object
        Where to look, by the name that begins each path.
    sample : object
        Any nested sample.
    positions : collection of int
        As for `walk`.

    Returns
    -------
    list of str
        The shortest paths first.
    """
    parts = [part for _, part in walk({"": sample}, classes=False)]
    object_ids = {id(part) for part in parts if not is_a(part, LEAVES)}
    addresses = {memory_address(part) for part in parts} - {None}
    return [
        path
        for path, value in walk(roots, classes=False, positions=positions)
        if id(value) in object_ids or memory_address(value) in addresses
    ]


def lengths(roots: Mapping[str, object]) -> set[int]:
    """Return the lengths of all lists, tuples, dicts, tables, tensors and arrays in reach.

    Parameters
    ----------
    roots : mapping of str to object
        Where to start, by the name that begins each path.

    Returns
    -------
    set of int
        The number of items of each container, and the first dimension of each tensor,
        array and table of pandas that has a dimension.
    """
    found = set()
    for _, value in walk(roots, classes=False):
        of_pandas = library_of(type(value).__module__) == "pandas"
        if is_a(value, (torch.Tensor, np.ndarray)) or of_pandas:
            array: Any = value
            found |= set(getattr(array, "shape", ())[:1])
        for kind in (list, tuple, dict):
            if is_a(value, kind):
                found.add(kind.__len__(value))  # type: ignore[arg-type]
    return found


def memory_address(value: object) -> int | None:
    """Return the address of the memory block that a tensor or array is a view of.

    Parameters
    ----------
    value : object
        Any object.

    Returns
    -------
    int or None
        None for other objects, and for tensors without a single block of memory.
    """
    if is_a(value, torch.Tensor):
        tensor: Any = value
        try:
            return tensor.untyped_storage().data_ptr() or None
        except (
            NotImplementedError,
            RuntimeError,
        ):  # a sparse tensor has several blocks
            return None
    if is_a(value, np.ndarray):
        array: Any = value
        while is_a(array.base, np.ndarray):
            array = array.base
        return int(array.__array_interface__["data"][0])
    return None


@functools.lru_cache
def library_of(module: str) -> str | None:
    """Return the installed package that a module belongs to; None for user modules.

    Parameters
    ----------
    module : str
        Full name of an imported module.

    Returns
    -------
    str or None
        Name of the top-level package if it is in ``site-packages`` or ``dist-packages``.
    """
    name = module.partition(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return name if {"site-packages", "dist-packages"} & set(Path(file).parts) else None


def is_a(value: object, kinds: Any) -> bool:
    """Return what isinstance returns, without running the object's ``__class__``."""
    return issubclass(type(value), kinds)


def _held(
    path: str, value: Any, *, items: bool, classes: bool
) -> Iterator[tuple[str, object]]:
    """Yield what an object holds, each with its path."""
    if is_a(value, types.MethodType):
        yield f"{path}.__self__", value.__self__
        yield path, value.__func__
    elif is_a(value, types.FunctionType):
        yield from _held_by_function(path, value)
    elif is_a(value, functools.partial):
        yield f"{path}.func", value.func
        yield f"{path}.args", value.args
        yield f"{path}.keywords", value.keywords
    elif is_a(value, type):
        yield from _held_by_class(path, value)
    else:
        if items:
            yield from _items(path, value)
        yield from _attributes(path, value)
        if classes:
            yield from _held_by_class(f"type({path})", type(value))


_CONTAINERS: tuple[Any, ...] = (dict, list, tuple, set, frozenset, collections.deque)


def _is_short(value: object) -> bool:
    """Return whether a value is not a container of many items."""
    return not any(
        is_a(value, kind) and kind.__len__(value) > _SHORT for kind in _CONTAINERS
    )


def _is_foreign(value: object) -> bool:
    """Return whether a value is an instance of a library that is never entered."""
    module = str(vars(type(value)).get("__module__", ""))
    return module.partition(".")[0] in _LIBRARIES_OF_LEAVES


def _sample(
    path: str, value: Any, positions: Collection[int]
) -> Iterator[tuple[str, object]]:
    """Yield evenly spaced items of a long container, and those at some positions."""
    kind = next(kind for kind in _CONTAINERS if is_a(value, kind))
    length = kind.__len__(value)
    # Powers of two choose the same positions when the length changes by a few items.
    step = 1 << (length // _SAMPLED_ITEMS).bit_length() - 1
    chosen = set(range(0, length, step))
    chosen |= {
        position % length for position in positions if -length <= position < length
    }
    if kind in {list, tuple}:
        for i in sorted(chosen):
            yield f"{path}[{i}]", kind.__getitem__(value, i)
        return
    keys = kind.__iter__(value)
    for i, key in enumerate(itertools.islice(keys, max(chosen) + 1)):
        if i in chosen or (kind is dict and type(key) is int and key in positions):
            if kind is dict:
                yield f"{path}[{key!r}]", dict.__getitem__(value, key)
            else:
                yield f"{path}[{i}]", key


def _items(path: str, value: Any) -> Iterator[tuple[str, object]]:
    """Yield the first items of a container, each with its path."""
    if is_a(value, dict):
        first = itertools.islice(dict.items(value), _MOST_ITEMS)
        yield from [(f"{path}[{key!r}]", item) for key, item in first]
        return
    for kind in _CONTAINERS[1:]:
        if is_a(value, kind):
            first = itertools.islice(kind.__iter__(value), _MOST_ITEMS)
            yield from [(f"{path}[{i}]", item) for i, item in enumerate(first)]


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


def _held_by_class(path: str, cls: type) -> Iterator[tuple[str, object]]:
    """Yield the attributes of a class and its bases, methods included."""
    for owner in cls.__mro__:
        if not _is_entered(owner.__module__):
            continue
        in_library = library_of(owner.__module__) is not None
        for name, item in list(vars(owner).items()):
            if in_library and is_a(item, _REGISTRY_TYPES):
                continue
            if is_a(item, (staticmethod, classmethod)):
                yield f"{path}.{name}", item.__func__
            elif is_a(item, property):
                yield f"{path}.{name}", item.fget
            elif not is_a(item, types.MemberDescriptorType):
                yield f"{path}.{name}", item


def _held_by_function(path: str, function: Any) -> Iterator[tuple[str, object]]:
    """Yield a function's closure and defaults, and the globals that its code names."""
    if function.__module__ is None or not _is_entered(function.__module__):
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
    in_library = library_of(function.__module__) is not None
    for global_path, item in _named_globals(function):
        if not (in_library and is_a(item, _REGISTRY_TYPES)):
            yield global_path, item


def _named_globals(function: Any) -> Iterator[tuple[str, object]]:
    """Yield the globals that a function's code names.

    For a module among them, the attributes of the module that the code names are yielded
    in its place.
    """
    names = names_in(function.__code__)
    for name in names & function.__globals__.keys():
        item = function.__globals__[name]
        if is_a(item, types.ModuleType):
            if _is_entered(item.__name__):
                for attribute in names & vars(item).keys():
                    yield f"{item.__name__}.{attribute}", vars(item)[attribute]
        else:
            yield f"{function.__module__}.{name}", item


def _is_entered(module: str) -> bool:
    """Return whether the walk enters what a module defines."""
    return module.partition(".")[0] not in _LIBRARIES_NOT_ENTERED


def names_in(code: types.CodeType) -> set[str]:
    """Return the global and attribute names in a code object and in nested ones."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= names_in(constant)
    return names
