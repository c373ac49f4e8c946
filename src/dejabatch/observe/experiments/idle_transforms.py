"""What takes part in making a sample: transforms, and the dataset's own code.

This belongs into a process that ends afterwards: transforms get hooks, and the code is
traced.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Self

import numpy as np
import torch
from torch.utils.data import Dataset

from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import is_a, walk

_RANDOM = (
    "Random",
    "ColorJitter",
    "ElasticTransform",
    "GaussianBlur",
    "GaussianNoise",
    "AutoAugment",
    "RandAugment",
    "TrivialAugment",
    "AugMix",
)
# So unlikely may it be that a transform that works did nothing all the time.
_CHANCE = 1e-6
_MOST_USES = 40


def idle_transforms(
    roots: Mapping[str, object], use: Callable[[int], None]
) -> tuple[str, ...]:
    """Find random transforms of torchvision's that return what they are given.

    Parameters
    ----------
    roots : mapping of str to object
        From where to look for transforms.
    use : callable
        Makes samples, from random states that differ by the number it is called with.

    Returns
    -------
    tuple of str
        Their paths. A transform counts if it got something with more than one value in
        it, so often that one that works would have changed it, but for a chance of one
        in a million.
    """
    uses: dict[str, list[bool]] = {}
    needed: dict[str, int] = {}

    def hook(path: str) -> tuple[Callable[..., None], Callable[..., None]]:
        given: list[bytes | None] = []

        def before(_module: Any, arguments: tuple[Any, ...]) -> None:
            given.append(fingerprint(arguments) if _has_content(arguments) else None)

        def after(_module: Any, arguments: tuple[Any, ...], output: Any) -> None:
            digest = given.pop()
            if digest is not None:
                wrapped = (output,) if len(arguments) == 1 else output
                uses[path].append(fingerprint(wrapped) != digest)

        return before, after

    for path, value in walk(roots):
        if not is_a(value, torch.nn.Module) or not _is_random(type(value)):
            continue
        module: Any = value
        needed[path] = _uses_needed(module)
        if needed[path] <= _MOST_USES:
            uses[path] = []
            before, after = hook(path)
            module.register_forward_pre_hook(before)
            module.register_forward_hook(after)
    for move in range(max((needed[path] for path in uses), default=0)):
        use(move)
    return tuple(
        path
        for path, changes in uses.items()
        if len(changes) >= needed[path] and not any(changes)
    )


def _is_random(cls: type) -> bool:
    from_torchvision = cls.__module__.startswith("torchvision.transforms")
    return from_torchvision and any(name in cls.__name__ for name in _RANDOM)


def _uses_needed(module: Any) -> int:
    p = getattr(module, "p", 1.0)
    if not isinstance(p, (int, float)) or not 0 < p < 1:
        return 8
    return math.ceil(math.log(_CHANCE) / math.log(1 - p))


def _has_content(arguments: object) -> bool:
    """Tell whether there is an image in it that has more than one value."""
    for _, value in walk({"": arguments}, classes=False):
        if is_a(value, (torch.Tensor, np.ndarray)) or any(
            cls.__module__ == "PIL.Image" for cls in type(value).__mro__
        ):
            array = np.asarray(value)
        else:
            continue
        if array.size and (array != array.reshape(-1)[0]).any():
            return True
    return False


def differ(one: Any, other: Any) -> bool:
    """Tell whether two rows differ by more than rounding; other shapes do not count."""
    if isinstance(one, Mapping):
        return any(differ(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, (tuple, list)):
        return any(differ(a, b) for a, b in zip(one, other, strict=False))
    if isinstance(one, (int, float, torch.Tensor, np.ndarray, np.generic)):
        a, b = np.asarray(one), np.asarray(other)
        if a.shape != b.shape or a.dtype.kind not in "biuf" or not a.size:
            return False
        a, b = a.astype(np.float64), b.astype(np.float64)
        return bool(np.abs(a - b).max() > 0.02 * np.abs(a).max())
    return fingerprint(one) != fingerprint(other)


class Watched:
    """A ``with`` block in which the datasets' ``__getitem__`` is looked at.

    Attributes
    ----------
    exception : str or None
        Name of the last exception that a ``__getitem__`` met.
    asked_itself : bool
        Whether a dataset, in its ``__getitem__``, called it for another sample.
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
    """Return whose ``__getitem__`` a frame is, if it is a dataset's."""
    if frame.f_code.co_name not in {"__getitem__", "__getitems__"}:
        return None
    name = next(iter(frame.f_code.co_varnames), "")
    owner = frame.f_locals.get(name)
    return owner if isinstance(owner, Dataset) else None
