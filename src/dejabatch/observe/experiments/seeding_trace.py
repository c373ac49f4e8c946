"""Trace a sampler, and find the functions that make or seed a generator."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise, takewhile
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar

from dejabatch.observe.experiments.getitem_trace import SEEDING_NAMES, is_of_user
from dejabatch.state import GLOBAL_NAMES, generators
from dejabatch.state.generators import Generator

T = TypeVar("T")

_CONSTRUCTORS = {"Random", "RandomState", "default_rng"}
_SHUFFLING_NAMES = {"shuffle", "permutation", "permuted", "randperm"}


def seeding_functions(
    run: Callable[[], T], *, to_shuffle: bool = False
) -> tuple[T, tuple[str, ...]]:
    """Run a function, and name the user's functions below it that seed a generator.

    Parameters
    ----------
    run : callable
        Iterates a sampler or a dataset.
    to_shuffle : bool
        Whether to name functions only if some function that ran names one that shuffles.

    Returns
    -------
    result : object
        What `run` returned.
    names : tuple of str
        Qualified names of the functions, such as ``Shuffled.__iter__``, sorted.
    """
    ran: set[CodeType] = set()
    shuffles = False
    lines: dict[CodeType, frozenset[int]] = {}

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal shuffles
        code = frame.f_code
        if code not in lines:
            lines[code] = _seeding_lines(code) if is_of_user(frame) else frozenset()
            shuffles |= not _SHUFFLING_NAMES.isdisjoint(code.co_names)
        return step if lines[code] and code not in ran else None

    def step(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and frame.f_lineno in lines[frame.f_code]:
            ran.add(frame.f_code)
        return step

    former = sys.gettrace()
    sys.settrace(enter)
    try:
        result = run()
    finally:
        sys.settrace(former)
    if to_shuffle and not shuffles:
        return result, ()
    return result, tuple(sorted({code.co_qualname for code in ran}))


def local_generators(
    run: Callable[[], object], known: Collection[Generator]
) -> dict[str, bytes]:
    """Run a function, and digest the generators that the user's functions made below it.

    Parameters
    ----------
    run : callable
        Makes a sample or a batch.
    known : collection of Generator
        Generators that objects hold, which the functions may have as variables.

    Returns
    -------
    dict of str to bytes
        The digest of each generator before it has drawn, by the qualified name of the
        function and the variable. A line that makes one from a number in the code
        counts as well, with no variable.
    """
    found: dict[str, bytes] = {}
    held = {generators.identity(generator) for generator in known}
    lines: dict[CodeType, frozenset[int]] = {}

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        # An own __iter__ may get its generator from a method.
        seeds = not SEEDING_NAMES.isdisjoint(code.co_names)
        if not (seeds or code.co_name == "__iter__") or not is_of_user(frame):
            return None
        if code not in lines:
            lines[code] = _constant_lines(code)
        return step

    def step(frame: FrameType, event: str, _argument: Any) -> Any:
        if event not in {"line", "return"}:
            return step
        name = frame.f_code.co_qualname
        if event == "line" and frame.f_lineno in lines[frame.f_code]:
            found[f"{name}:"] = b"a number in the code"
        for variable, value in frame.f_locals.items():
            place = f"{name}: {variable}"
            if place in found or not generators.is_rng(value):
                continue
            if generators.identity(value) not in held:
                found[place] = generators.digest(value)
        return step

    former = sys.gettrace()
    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(former)
    return found


def states_after(
    run: Callable[[], object], known: Collection[Generator], *, advances: int
) -> dict[str, bytes]:
    """Run a function after all generators were advanced, and digest their states.

    Parameters
    ----------
    run, known
        As for `local_generators`.
    advances : int
        How many times to advance the known generators first.

    Returns
    -------
    dict of str to bytes
        The digests of the global generators, by name, and what `local_generators` returns.
    """
    for generator in [*known] * advances:
        generators.advance(generator)
    return local_generators(run, known) | generators.global_digests()


class SameStates(NamedTuple):
    """Generators that are in one state after two runs.

    Attributes
    ----------
    of_program : tuple of str
        The names of global generators.
    made_by : tuple of str
        The qualified names of functions that make a generator of their own.
    """

    of_program: tuple[str, ...]
    made_by: tuple[str, ...]


def same_states(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> SameStates:
    """Return the generators that are in one state in two results of `states_after`."""
    same = [name for name, state in one.items() if other.get(name) == state]
    made = dict.fromkeys(n.partition(":")[0] for n in same if n not in GLOBAL_NAMES)
    return SameStates(tuple(n for n in same if n in GLOBAL_NAMES), tuple(made))


def _seeding_lines(code: CodeType) -> frozenset[int]:
    """Return the lines of a function that name a function which seeds a generator."""
    if not SEEDING_NAMES.intersection(code.co_names):
        return frozenset()
    instructions = list(dis.get_instructions(code))
    return frozenset(
        line
        for before, instruction in pairwise(instructions)
        if _loads_seeding_function(before, instruction)
        and (line := _line_of(instruction)) is not None
    )


def _constant_lines(code: CodeType) -> frozenset[int]:
    """Return the lines that make a generator with a number in the code as its seed.

    Lines that decide something do not count: they may take a stored generator instead.
    """
    if not _CONSTRUCTORS.intersection(code.co_names):
        return frozenset()
    instructions = list(dis.get_instructions(code))
    decide = {_line_of(one) for one in instructions if "JUMP" in one.opname}
    return frozenset(
        line
        for number, instruction in enumerate(instructions, 1)
        if instruction.opname.startswith("LOAD_")
        and instruction.argval in _CONSTRUCTORS
        and (line := _line_of(instruction)) is not None
        and line not in decide
        and _is_called_with_number(instructions[number:])
    )


def _line_of(instruction: dis.Instruction) -> int | None:
    return None if instruction.positions is None else instruction.positions.lineno


def _is_called_with_number(following: Sequence[dis.Instruction]) -> bool:
    """Return whether a number in the code is all that a function is called with."""
    arguments = takewhile(lambda one: not one.opname.startswith("CALL"), following)
    loaded = [
        one
        for one in arguments
        if one.opname not in {"PRECALL", "PUSH_NULL", "CACHE", "KW_NAMES"}
    ]
    return len(loaded) == 1 and type(loaded[0].argval) is int


def _loads_seeding_function(
    before: dis.Instruction, instruction: dis.Instruction
) -> bool:
    if not instruction.opname.startswith("LOAD_"):
        return False
    if instruction.argval == "seed":
        return bool(
            before.argval == "random"
        )  # many objects have a number of this name
    return instruction.argval in SEEDING_NAMES
