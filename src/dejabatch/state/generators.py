"""Every random generator that a dataset can reach: find, digest, reseed and restore.

A DataLoader worker seeds three global generators: Python's, NumPy's and torch's. All
other generators are objects that a dataset, a transform or a function holds.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sys
import types
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch

from dejabatch.state import GLOBAL_NAMES, NUMBA_NAMES
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import is_a, walk

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Generator: TypeAlias = (
    "np.random.Generator | np.random.RandomState | random.Random | torch.Generator "
    "| NumbaRandom"
)

DEFAULT_SEED: Final[int] = torch.Generator().initial_seed()
"""Seed of every ``torch.Generator()`` that was never seeded."""


_MANY = 1009

# A search of as many objects takes a few milliseconds.
_FEW_OBJECTS = 200


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


def find(
    roots: Mapping[str, object],
    *,
    stopped: Callable[[str], object] = lambda _: None,
    visited: Callable[[], object] = lambda: None,
) -> list[Found]:
    """Return the random generators that some objects can reach.

    Parameters
    ----------
    roots : mapping of str to object
        Where to start, by the name that begins each path, such as ``{"dataset": ds}``.
    stopped : callable, optional
        Called with a path where the search ended because there are too many objects.
    visited : callable, optional
        Called for each object that the search meets.

    Returns
    -------
    list of Found
        Each generator once, by its shortest path, without the global generators. NumPy
        generators that share a bit generator count as one generator.

    Notes
    -----
    In a long list, only a sample of the items is searched. If one of these items holds a
    generator, all items are searched.
    """
    found: list[Found] = []
    known = {identity(rng) for rng in global_rngs().values()}
    modules: dict[str, str] = {}
    long_containers: dict[str, object] = {}

    def search(start: Mapping[str, object], *, every_item: bool = False) -> None:
        for path, value in walk(
            start,
            enter=lambda value: not is_rng(value),
            every_item=every_item,
            sampled=long_containers.__setitem__,
            stopped=stopped,
        ):
            visited()
            if not is_rng(value):
                modules[path] = _defining_module(value)
            elif identity(value) not in known:
                known.add(identity(value))
                found.append(Found(path, value, _owner(path, modules)))

    search(roots)
    for path, container in list(long_containers.items()):
        if any(one.path.startswith(f"{path}[") for one in found):
            search({path: container}, every_item=True)
    return found


class Finder:
    """The random generators that some objects can reach, in one process.

    Finding them again shows generators that a sample has made. Where there are many
    objects, a search takes long, and is repeated only on request.

    Parameters
    ----------
    roots : mapping of str to object
        As for `find`.

    Attributes
    ----------
    stopped_at : str or None
        A path where a search ended because there are too many objects.
    """

    def __init__(self, roots: Mapping[str, object]) -> None:
        self._roots = roots
        self._found: list[Found] | None = None
        self._is_cheap = True
        self.stopped_at: str | None = None

    def find(self, *, again: bool = False) -> list[Found]:
        """Return the generators, without the global ones.

        Parameters
        ----------
        again : bool
            Whether to search again even where a search takes long.
        """
        if self._found is None or self._is_cheap or again:
            objects = itertools.count()
            self._found = find(
                self._roots, stopped=self._stop, visited=lambda: next(objects)
            )
            self._is_cheap = next(objects) <= _FEW_OBJECTS
        return self._found

    def all(self, *, again: bool = False) -> dict[str, Generator]:
        """Return the generators and the global ones, by path."""
        found = self.find(again=again)
        return global_rngs() | {one.path: one.rng for one in found}

    def _stop(self, path: str) -> None:
        self.stopped_at = path


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


class NumbaRandom:
    """One of the two generators that code compiled by numba draws from in this thread.

    numba compiles ``random.random()`` and ``np.random.random()`` to draws from generators
    of its own, which are not Python objects and which torch seeds in no worker.

    Parameters
    ----------
    helpers : module
        The module ``numba._helperlib``.
    name : {"py", "np"}
        The generator for calls of ``random``, or for calls of ``np.random``.
    """

    def __init__(self, helpers: Any, name: str) -> None:
        self._helpers = helpers
        self._address = getattr(helpers, f"rnd_get_{name}_state_ptr")()

    def getstate(self) -> Any:
        """Return the position and the 624 words of a Mersenne Twister."""
        return self._helpers.rnd_get_state(self._address)

    def setstate(self, state: Any) -> None:
        """Restore a state that `getstate` returned."""
        self._helpers.rnd_set_state(self._address, state)

    def seed(self, seed: int) -> None:
        """Seed the generator with 32 bits."""
        self._helpers.rnd_seed(self._address, seed)


def global_rngs() -> dict[str, Generator]:
    """Return the global generators of this process, by name.

    Returns
    -------
    dict of str to Generator
        The generators of Python, NumPy and torch (CPU), by `GLOBAL_NAMES`; those of numba
        follow by `NUMBA_NAMES` where numba is imported.
    """
    instances = (random._inst, np.random.mtrand._rand, torch.default_generator)
    found: dict[str, Generator] = dict(zip(GLOBAL_NAMES, instances, strict=True))
    helpers = sys.modules.get("numba._helperlib")
    if helpers is not None:
        generators = (NumbaRandom(helpers, name) for name in ("py", "np"))
        found.update(zip(NUMBA_NAMES, generators, strict=True))
    return found


def global_digests() -> dict[str, bytes]:
    """Return the `digest` of each global generator, by name."""
    return {name: digest(generator) for name, generator in global_rngs().items()}


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
    if isinstance(rng, (random.Random, NumbaRandom)):
        state = repr(state)  # hashing one text is faster than hashing 625 numbers
    return fingerprint((type(rng).__qualname__, state))


def get_state(rng: Generator) -> Any:
    """Return a copy of a generator's state, for `set_state`."""
    if isinstance(rng, np.random.Generator):
        return rng.bit_generator.state
    if isinstance(rng, np.random.RandomState):
        return rng.get_state(legacy=False)
    if isinstance(rng, (random.Random, NumbaRandom)):
        return rng.getstate()
    return rng.get_state()


def set_state(rng: Generator, state: Any) -> None:
    """Restore a state that `get_state` returned."""
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = state
    elif isinstance(rng, (random.Random, NumbaRandom)):
        rng.setstate(state)
    else:
        rng.set_state(state)


def advance(rng: Generator) -> None:
    """Draw many numbers, which leaves the seed that the generator reports as it is.

    Samples that draw until they accept a number do not reach the same state by chance.
    """
    if isinstance(rng, torch.Generator):
        torch.rand(_MANY, generator=rng, device=rng.device)
    elif isinstance(rng, NumbaRandom):  # it reports no seed
        rng.seed(zlib.crc32(digest(rng)))
    else:
        for _ in range(_MANY):
            rng.random()


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
    elif isinstance(rng, NumbaRandom):
        rng.seed(int(seed.generate_state(1)[0]))
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
    if isinstance(rng, NumbaRandom):
        return int(rng._address)
    return id(
        getattr(rng, "bit_generator", None) or getattr(rng, "_bit_generator", rng)
    )
