"""Every random generator that a dataset can reach: find it, read it, put it back.

The three global generators are those that a DataLoader worker seeds for itself. All others
are found in what a dataset, a transform or a function holds.
"""

from __future__ import annotations

import random
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch

from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import is_a, walk

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Generator: TypeAlias = (
    "np.random.Generator | np.random.RandomState | random.Random | torch.Generator"
)

GLOBAL_NAMES: Final = ("random", "np.random", "torch")
"""How the three global generators are called in paths."""

DEFAULT_SEED: Final[int] = torch.Generator().initial_seed()
"""Of a ``torch.Generator()`` that nobody has seeded."""


@dataclass(frozen=True, slots=True)
class Found:
    """A random generator and where it is.

    Attributes
    ----------
    path : str
        How to reach it, for example ``dataset.transform.transforms[2].rng``.
    rng : Generator
        The generator itself.
    owner : str
        Module of the object that holds it, or of its class; empty for a generator that is
        itself a root.
    """

    path: str
    rng: Generator
    owner: str = ""


def is_rng(value: object) -> TypeIs[Generator]:
    """Tell whether an object is a random generator with a state of its own."""
    kinds = (np.random.Generator, np.random.RandomState, torch.Generator, random.Random)
    return is_a(value, kinds) and not is_a(value, random.SystemRandom)


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
    known = {identity(rng) for rng in global_rngs().values()}
    modules: dict[str, str] = {}
    for path, value in walk(roots, enter=lambda value: not is_rng(value)):
        if not is_rng(value):
            modules[path] = _module(value)
        elif identity(value) not in known:
            known.add(identity(value))
            found.append(Found(path, value, _owner(path, modules)))
    return found


def _module(value: object) -> str:
    """Return where a function or class, or the class of another object, is defined."""
    if is_a(value, types.FunctionType):
        return value.__module__ or ""
    kind = value if is_a(value, type) else type(value)
    return str(vars(kind).get("__module__", ""))


def _owner(path: str, modules: Mapping[str, str]) -> str:
    """Return the module of the nearest holder that is no list, tuple or dict."""
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
    state = get_state(rng)
    if isinstance(rng, random.Random):
        state = repr(state)  # 625 numbers, which would be fed one by one
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


def identity(rng: Any) -> int:
    """Return what two objects have in common that are one generator."""
    return id(
        getattr(rng, "bit_generator", None) or getattr(rng, "_bit_generator", rng)
    )
