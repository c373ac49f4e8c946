"""Trace a dataset's ``__getitem__`` while it makes a sample.

This belongs in a process that ends afterwards, because the code is traced.
"""

from __future__ import annotations

import operator
import pathlib
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any, Self

import numpy as np
import torch
from torch.utils.data import Dataset

from dejabatch.state.reach import library_of, walk

_GETITEM = {"__getitem__", "__getitems__"}
SEEDING_NAMES = {
    "default_rng",
    "RandomState",
    "SeedSequence",
    "Generator",
    "Random",
    "manual_seed",
    "seed",
}
# Exceptions that end a loop are not errors.
_ENDS_OF_LOOPS = (StopIteration, GeneratorExit, StopAsyncIteration)


class Traced:
    """A ``with`` block in which the calls below a dataset's ``__getitem__`` are traced.

    Attributes
    ----------
    exception : str or None
        Name of the last exception that was raised in code of the user's.
    took_another : bool
        Whether, after that exception, the same code ran for another index, or
        ``__getitem__`` changed its index.
    returned_another : int or None
        The index whose sample ``self[index]`` gave and ``__getitem__`` returned as it is;
        None if there is none.
    """

    def __init__(self) -> None:
        self.exception: str | None = None
        self.took_another = False
        self.returned_another: int | None = None
        self._outer: FrameType | None = None
        self._asked: object = None
        self._inner: list[tuple[object, object]] = []
        self._failed: dict[CodeType, list[tuple[object, ...]]] = {}
        self._index_at_exception: object = None
        self._methods: dict[CodeType, object] = {}

    def __enter__(self) -> Self:
        self._former = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._former)
        self._outer = None

    def seeding_places(self, roots: Mapping[str, object]) -> tuple[str, ...]:
        """Return the traced methods whose code names functions that seed generators.

        Parameters
        ----------
        roots : mapping of str to object
            Where the walk to the methods' objects starts.

        Returns
        -------
        tuple of str
            Paths of methods, the innermost first.
        """
        seeding = {
            id(owner): code.co_name
            for code, owner in reversed(self._methods.items())
            if SEEDING_NAMES & set(code.co_names)
        }
        if not seeding:
            return ()
        paths = {
            id(value): path
            for path, value in walk(roots, classes=False)
            if id(value) in seeding
        }
        return tuple(f"{paths[one]}.{seeding[one]}" for one in seeding if one in paths)

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        dataset = _dataset_of(frame)
        of_user = is_of_user(frame)
        if dataset is None and (self._outer is None or not of_user):
            return None
        frame.f_trace_lines = False
        if self._outer is None:
            self._outer, self._asked = frame, _first_argument(frame)
        elif dataset is not None and dataset is _dataset_of(self._outer):
            asked = _first_argument(frame)
            if self.exception is not None and _is_other(asked, self._asked):
                self.took_another = True
        if of_user:
            owner = frame.f_locals.get(next(iter(code.co_varnames), ""))
            if code.co_argcount and owner is not None:
                self._methods.setdefault(code, owner)
        if self._ran_for_another(code, _simple_arguments(frame)):
            self.took_another = True
        return self._event

    def _ran_for_another(self, code: CodeType, arguments: tuple[object, ...]) -> bool:
        """Return whether code that failed for the index runs for another integer."""
        return any(
            _is_other(now, then) and not _is_other(then, self._asked)
            for failed in self._failed.get(code, ())
            for now, then in zip(arguments, failed, strict=False)
        )

    def _event(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception" and not issubclass(argument[0], _ENDS_OF_LOOPS):
            if is_of_user(frame):
                self.exception = argument[0].__name__
                arguments = _simple_arguments(frame)
                self._failed.setdefault(frame.f_code, []).append(arguments)
            if frame is self._outer:
                self._index_at_exception = _first_argument(frame)
        elif event == "return":
            self._return(frame, argument)
        return self._event

    def _return(self, frame: FrameType, value: Any) -> None:
        if frame is self._outer:
            before = self._index_at_exception
            if before is not None and _is_other(_first_argument(frame), before):
                self.took_another = True
            for asked, inner in self._inner:
                if (
                    inner is value
                    and value is not None
                    and _is_other(asked, self._asked)
                ):
                    self.returned_another = _as_index(asked)
        # A parent class's method may get a translated index.
        elif self._outer is not None and (
            frame.f_code is self._outer.f_code
            and _dataset_of(frame) is _dataset_of(self._outer)
        ):
            self._inner.append((_first_argument(frame), value))


def _dataset_of(frame: FrameType) -> object:
    """Return the dataset whose ``__getitem__`` a frame runs, or None."""
    if frame.f_code.co_name not in _GETITEM:
        return None
    name = next(iter(frame.f_code.co_varnames), "")
    owner = frame.f_locals.get(name)
    is_dataset = isinstance(owner, Dataset) or hasattr(type(owner), "__len__")
    return owner if is_dataset else None


def _first_argument(frame: FrameType) -> object:
    """Return the present value of a method's first argument after ``self``."""
    code = frame.f_code
    if code.co_argcount < 2:
        return None
    return frame.f_locals.get(code.co_varnames[1])


def _simple_arguments(frame: FrameType) -> tuple[object, ...]:
    """Return a function's arguments; None for each argument that is not an integer."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount]
    return tuple(_as_index(frame.f_locals.get(name)) for name in names)


def _as_index(value: object) -> int | None:
    if isinstance(value, (bool, torch.Tensor, np.ndarray, str, pathlib.PurePath)):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_other(one: object, other: object) -> bool:
    """Return whether two values are different integers."""
    a, b = _as_index(one), _as_index(other)
    return a is not None and b is not None and a != b


def is_of_user(frame: FrameType) -> bool:
    """Return whether a frame runs code of no installed library."""
    module = str(frame.f_globals.get("__name__", ""))
    top = module.partition(".")[0]
    return top not in sys.stdlib_module_names and library_of(module) is None
