"""Note the attributes that a program sets on a dataset after it was split.

This belongs in a process that ends afterwards, because methods are replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Self

from torch.utils.data import DataLoader, Subset

from dejabatch.observe.record import SetAfterSplit
from dejabatch.state.attributes import attribute
from dejabatch.state.reach import walk

_MISSING: Any = object()


class SplitDatasets:
    """A ``with`` block in which datasets are noted that have several subsets.

    An attribute counts if it had another value before, other than None, and if it is not
    the dataset's own method that sets it.
    """

    def __init__(self) -> None:
        self._datasets: dict[int, object] = {}
        self._subsets: dict[int, int] = {}
        self._names: dict[int, dict[str, None]] = {}
        self._replaced: dict[Any, Any] = {}

    def __enter__(self) -> Self:
        subset_class: Any = Subset
        self._init = original = subset_class.__init__

        def init(subset: Any, dataset: Any, *arguments: Any, **named: Any) -> None:
            original(subset, dataset, *arguments, **named)
            self._watch(dataset)

        subset_class.__init__ = init
        return self

    def __exit__(self, *_: object) -> None:
        subset_class: Any = Subset
        subset_class.__init__ = self._init
        for cls, original in self._replaced.items():
            if original is _MISSING:
                del cls.__setattr__
            else:
                cls.__setattr__ = original

    def of(self, loader: DataLoader[Any]) -> Iterator[SetAfterSplit]:
        """Yield the noted attributes of the datasets that a loader holds."""
        if not self._names:
            return
        for path, value in walk({"dataset": loader.dataset}, classes=False):
            names = self._names.get(id(value), {})
            if self._subsets.get(id(value), 0) > 1:
                for name in names:
                    yield SetAfterSplit(f"{path}.{name}", self._subsets[id(value)])

    def _watch(self, dataset: object) -> None:
        self._datasets[id(dataset)] = dataset  # keeps the id
        self._subsets[id(dataset)] = self._subsets.get(id(dataset), 0) + 1
        cls: Any = type(dataset)
        if cls in self._replaced or cls.__module__ == "builtins":
            return
        original = cls.__setattr__

        def set_attribute(one: Any, name: str, value: Any) -> None:
            if id(one) in self._datasets and self._is_another(one, name, value):
                self._names.setdefault(id(one), {})[name] = None
            original(one, name, value)

        self._replaced[cls] = vars(cls).get("__setattr__", _MISSING)
        cls.__setattr__ = set_attribute

    @staticmethod
    def _is_another(dataset: object, name: str, value: object) -> bool:
        """Return whether code outside the dataset gives an attribute another value."""
        former = attribute(dataset, name)
        if former is None or former is value or value is None:
            return False
        caller = sys._getframe(2)
        arguments = caller.f_code.co_varnames[: caller.f_code.co_argcount]
        own = arguments and caller.f_locals.get(arguments[0]) is dataset
        return not own and not (type(former) is type(value) and former == value)
