"""Every random generator that a dataset can reach: find it, read it, put it back.

The three global generators are those that a DataLoader worker seeds for itself. All others
are found by walking over the objects that a dataset, a transform or a function holds. The
walk runs no code of the user's: it reads attributes, slots and closures where Python
stores them, without properties, ``__getattr__`` or overridden iterators.
"""

from __future__ import annotations

import collections
import functools
import itertools
import random
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch

from dejabatch.observe.fingerprint import fingerprint

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Generator: TypeAlias = (
    "np.random.Generator | np.random.RandomState | random.Random | torch.Generator"
)

GLOBAL_NAMES: Final = ("random", "np.random", "torch")
"""How the three global generators are called in paths."""

_LARGEST_CONTAINER = 4096
_MOST_OBJECTS = 200_000
# What these hold is theirs: global generators, constants, thousands of classes.
_FOREIGN = frozenset({*sys.stdlib_module_names, "numpy", "torch", "torchvision", "PIL"})
_LEAVES = (
    torch.Tensor,
    np.ndarray,
    np.generic,
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    types.ModuleType,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A random generator and where it is.

    Attributes
    ----------
    path : str
        How to reach it, for example ``dataset.transform.transforms[2].rng``.
    rng : Generator
        The generator itself.
    """

    path: str
    rng: Generator


def is_rng(value: object) -> TypeIs[Generator]:
    """Tell whether an object is a random generator with a state of its own."""
    kinds = (np.random.Generator, np.random.RandomState, torch.Generator, random.Random)
    return _is(value, kinds) and not _is(value, random.SystemRandom)


def find(roots: Mapping[str, object]) -> list[Found]:
    """Find the random generators that some objects can reach.

    Parameters
    ----------
    roots : mapping of str to object
        Where to start, by the name that begins each path, such as ``{"dataset": ds}``.

    Returns
    -------
    list of Found
        Each generator once, by its shortest path. Two NumPy generators on one bit
        generator are one. The global generators are not among them.
    """
    found: list[Found] = []
    known = {_identity(rng) for rng in global_rngs().values()}
    queue = collections.deque(roots.items())
    # The objects are kept with their ids, which Python would otherwise give away again.
    seen: dict[int, object] = {}
    while queue and len(seen) < _MOST_OBJECTS:
        path, value = queue.popleft()
        if _is(value, _LEAVES) or id(value) in seen:
            continue
        seen[id(value)] = value
        if is_rng(value):
            if _identity(value) not in known:
                known.add(_identity(value))
                found.append(Found(path, value))
        else:
            queue.extend(_parts(path, value))
    return found


def global_rngs() -> dict[str, Generator]:
    """Return the global generators of Python, NumPy and torch (CPU), by `GLOBAL_NAMES`."""
    instances = (random._inst, np.random.mtrand._rand, torch.default_generator)
    return dict(zip(GLOBAL_NAMES, instances, strict=True))


def digest(rng: Generator) -> bytes:
    """Digest what a generator will draw, without drawing from it.

    Parameters
    ----------
    rng : Generator
        Any generator that `find` or `global_rngs` returns.

    Returns
    -------
    bytes
        Sixteen bytes, equal for generators of one kind that will draw the same numbers.
        torch's CPU generator uses only the low 32 bits of its seed but keeps all 64 in its
        state (https://github.com/Lightning-AI/pytorch-lightning/issues/21399), so two of
        them are compared by draws of a clone.
    """
    if isinstance(rng, torch.Generator) and rng.device.type == "cpu":
        clone = torch.Generator()
        clone.set_state(rng.get_state())
        draws = torch.empty(16, dtype=torch.int64).random_(generator=clone)
        return fingerprint(("torch.Generator", draws))
    return fingerprint((type(rng).__qualname__, get_state(rng)))


def get_state(rng: Generator) -> Any:
    """Return a copy of a generator's state, for `set_state`."""
    if isinstance(rng, np.random.Generator):
        return rng.bit_generator.state
    if isinstance(rng, np.random.RandomState):
        return rng.get_state(legacy=False)
    if isinstance(rng, random.Random):
        return rng.getstate()
    return rng.get_state()


def set_state(rng: Generator, state: Any) -> None:
    """Put a generator back into a state that `get_state` returned."""
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = state
    elif isinstance(rng, random.Random):
        rng.setstate(state)
    else:
        rng.set_state(state)


def reseed(rng: Generator, seed: np.random.SeedSequence) -> None:
    """Seed a generator from a NumPy seed sequence.

    Parameters
    ----------
    rng : Generator
        It keeps its identity and its kind, so that all who hold it see the new stream.
    seed : numpy.random.SeedSequence
        Where the entropy comes from; the sequence itself is not changed.
    """
    if isinstance(rng, np.random.Generator):
        kind = type(rng.bit_generator)
        rng.bit_generator.state = kind(seed).state
    elif isinstance(rng, np.random.RandomState):
        rng.set_state(np.random.RandomState(np.random.MT19937(seed)).get_state())
    elif isinstance(rng, random.Random):
        rng.seed(int.from_bytes(seed.generate_state(8).tobytes(), "little"))
    else:
        # 63 bits, of which the CPU generator uses the low 32.
        rng.manual_seed(int(seed.generate_state(1, np.uint64)[0]) >> 1)


class Kept:
    """Restore some generators at the end of a ``with`` block, whatever happened in it.

    Parameters
    ----------
    rngs : iterable of Generator
        The generators to keep as they are.
    """

    def __init__(self, rngs: Iterable[Generator]) -> None:
        self._rngs = list(rngs)

    def __enter__(self) -> None:
        """Save the states."""
        self._states = [get_state(rng) for rng in self._rngs]

    def __exit__(self, *_: object) -> None:
        """Restore the states."""
        for rng, state in zip(self._rngs, self._states, strict=True):
            set_state(rng, state)


def _identity(rng: Any) -> int:
    return id(
        getattr(rng, "bit_generator", None) or getattr(rng, "_bit_generator", rng)
    )


def _is(value: object, kinds: Any) -> bool:
    """Do as isinstance does, without asking the object for its ``__class__``."""
    return issubclass(type(value), kinds)


def _parts(path: str, value: Any) -> Iterator[tuple[str, object]]:
    """Yield what an object holds, each with its path."""
    if _is(value, types.MethodType):
        yield f"{path}.__self__", value.__self__
        yield path, value.__func__
    elif _is(value, types.FunctionType):
        yield from _function_parts(path, value)
    elif _is(value, functools.partial):
        yield f"{path}.func", value.func
        yield f"{path}.args", value.args
        yield f"{path}.keywords", value.keywords
    elif _is(value, type):
        yield from _class_parts(path, value)
    else:
        yield from _items(path, value)
        yield from _attributes(path, value)
        yield from _class_parts(f"type({path})", type(value))


def _items(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if _is(value, dict):
        some = itertools.islice(dict.items(value), _LARGEST_CONTAINER)
        yield from [(f"{path}[{key!r}]", item) for key, item in some]
        return
    kinds: tuple[Any, ...] = (list, tuple, set, frozenset, collections.deque)
    for kind in kinds:
        if _is(value, kind):
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
        for name, item in list(vars(owner).items()):
            if _is(item, (staticmethod, classmethod)):
                yield f"{path}.{name}", item.__func__
            elif _is(item, property):
                yield f"{path}.{name}", item.fget
            elif not _is(item, types.MemberDescriptorType):
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
    names = _names_of(function.__code__)
    for name in names & function.__globals__.keys():
        item = function.__globals__[name]
        if _is(item, types.ModuleType):
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
