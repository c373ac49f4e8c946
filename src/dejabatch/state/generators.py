"""Every random generator that a dataset can reach: find, digest, reseed and restore.

A DataLoader worker seeds three global generators: Python's, NumPy's and torch's. All
other generators are objects that a dataset, a transform or a function holds.
"""

from __future__ import annotations

import contextlib
import random
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch

from dejabatch.state import GLOBAL_NAMES
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import is_a, walk

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Generator: TypeAlias = (
    "np.random.Generator | np.random.RandomState | random.Random | torch.Generator"
)

DEFAULT_SEED: Final[int] = torch.Generator().initial_seed()
"""Seed of every ``torch.Generator()`` that was never seeded."""


@dataclass(frozen=True, slots=True)
class Found:
    """A random generator and where it is.

    Attributes
    ----------
    path : str
        How to reach the generator, for example ``dataset.transform.transforms[2].rng``.
    rng : Generator
        The generator itself.
    owner : str
        Module that defines the nearest holder's class; empty if no holder has a module,
        as for a generator that is itself a root. Lists, tuples and dicts are not holders.
    """

    path: str
    rng: Generator
    owner: str = ""


def is_rng(value: object) -> TypeIs[Generator]:
    """Return whether an object is a random generator with a state of its own."""
    kinds = (np.random.Generator, np.random.RandomState, torch.Generator, random.Random)
    return is_a(value, kinds) and not is_a(value, random.SystemRandom)


def find(roots: Mapping[str, object]) -> list[Found]:
    """Return the random generators that some objects can reach.

    Parameters
    ----------
    roots : mapping of str to object
        Where to start, by the name that begins each path, such as ``{"dataset": ds}``.

    Returns
    -------
    list of Found
        Each generator once, by its shortest path, without the global generators. NumPy
        generators that share a bit generator count as one generator.
    """
    found: list[Found] = []
    known = {identity(rng) for rng in global_rngs().values()}
    modules: dict[str, str] = {}
    for path, value in walk(roots, enter=lambda value: not is_rng(value)):
        if not is_rng(value):
            modules[path] = _defining_module(value)
        elif identity(value) not in known:
            known.add(identity(value))
            found.append(Found(path, value, _owner(path, modules)))
    return found


def _defining_module(value: object) -> str:
    """Return the module that defines a function, a class or an object's class."""
    if is_a(value, types.FunctionType):
        return value.__module__ or ""
    cls = value if is_a(value, type) else type(value)
    return str(vars(cls).get("__module__", ""))


def _owner(path: str, modules: Mapping[str, str]) -> str:
    """Return the module of the nearest holder that is not a plain container."""
    while path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
        module = modules.get(path, "")
        if module not in {"", "builtins", "collections"}:
            return module
    return ""


def global_rngs() -> dict[str, Generator]:
    """Return the global generators of Python, NumPy and torch (CPU), by `GLOBAL_NAMES`."""
    instances = (random._inst, np.random.mtrand._rand, torch.default_generator)
    return dict(zip(GLOBAL_NAMES, instances, strict=True))


def digest(rng: Generator) -> bytes:
    """Return a hash of the numbers that a generator will draw, without drawing.

    Parameters
    ----------
    rng : Generator
        Any generator that `find` or `global_rngs` returns.

    Returns
    -------
    bytes
        Sixteen bytes, equal for generators of one type that will draw the same numbers.

    Notes
    -----
    torch's CPU generator stores 64 bits of its seed and uses the low 32
    (https://github.com/Lightning-AI/pytorch-lightning/issues/21399). A hash of its state
    would therefore differ between equal streams, so draws of a clone are hashed instead.
    """
    if isinstance(rng, torch.Generator) and rng.device.type == "cpu":
        clone = torch.Generator()
        clone.set_state(rng.get_state())
        draws = torch.empty(16, dtype=torch.int64).random_(generator=clone)
        return fingerprint(("torch.Generator", draws))
    state = get_state(rng)
    if isinstance(rng, random.Random):
        state = repr(state)  # hashing one text is faster than hashing 625 numbers
    return fingerprint((type(rng).__qualname__, state))


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
    """Restore a state that `get_state` returned."""
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = state
    elif isinstance(rng, random.Random):
        rng.setstate(state)
    else:
        rng.set_state(state)


def reseed(rng: Generator, seed: np.random.SeedSequence) -> None:
    """Seed a generator in place from a NumPy seed sequence.

    Parameters
    ----------
    rng : Generator
        The generator. All objects that hold the generator see the new stream.
    seed : numpy.random.SeedSequence
        Source of the entropy. The sequence itself is not changed.
    """
    if isinstance(rng, np.random.Generator):
        bit_generator = type(rng.bit_generator)
        rng.bit_generator.state = bit_generator(seed).state
    elif isinstance(rng, np.random.RandomState):
        rng.set_state(np.random.RandomState(np.random.MT19937(seed)).get_state())
    elif isinstance(rng, random.Random):
        rng.seed(int.from_bytes(seed.generate_state(8).tobytes(), "little"))
    else:
        # manual_seed takes 63 bits, of which the CPU generator uses the low 32.
        rng.manual_seed(int(seed.generate_state(1, np.uint64)[0]) >> 1)


@contextlib.contextmanager
def restored(rngs: Iterable[Generator]) -> Iterator[None]:
    """Restore some generators at the end of a ``with`` block, also after an exception.

    Parameters
    ----------
    rngs : iterable of Generator
        The generators whose states are saved at the start of the block.
    """
    saved = [(rng, get_state(rng)) for rng in rngs]
    try:
        yield
    finally:
        for rng, state in saved:
            set_state(rng, state)


def identity(rng: Any) -> int:
    """Return an id that is equal for generator objects that share one stream.

    Parameters
    ----------
    rng : Generator
        The generator.

    Returns
    -------
    int
        The id of the bit generator for NumPy's generators, of `rng` itself otherwise.
    """
    return id(
        getattr(rng, "bit_generator", None) or getattr(rng, "_bit_generator", rng)
    )
