"""Trace a dataset's ``__getitem__`` while it makes a sample.

This belongs in a process that ends afterwards, because the code is traced.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Self

from torch.utils.data import Dataset


class Traced:
    """A ``with`` block in which the datasets' ``__getitem__`` is traced.

    Attributes
    ----------
    exception : str or None
        Name of the last exception that was raised in a ``__getitem__``.
    asked_itself : bool
        Whether a dataset's ``__getitem__`` called itself for another sample.
    """

    def __init__(self) -> None:
        self.exception: str | None = None
        self.asked_itself = False

    def __enter__(self) -> Self:
        self._former = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._former)

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        dataset = _dataset_of(frame)
        if dataset is None:
            return None
        caller = frame.f_back
        while caller is not None:
            if _dataset_of(caller) is dataset:
                self.asked_itself = True
            caller = caller.f_back
        return self._event

    def _event(self, _frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception":
            self.exception = argument[0].__name__
        return self._event


def _dataset_of(frame: FrameType) -> object:
    """Return the dataset whose ``__getitem__`` a frame runs, or None."""
    if frame.f_code.co_name not in {"__getitem__", "__getitems__"}:
        return None
    name = next(iter(frame.f_code.co_varnames), "")
    owner = frame.f_locals.get(name)
    return owner if isinstance(owner, Dataset) else None
