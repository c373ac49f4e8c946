"""Use random transforms many times, and find those that have no effect.

This belongs in a process that ends afterwards, because transforms get hooks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from dejabatch.chance import FALSE_ALARM
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import is_a, library_of, walk

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
_MOST_USES = 40


@dataclass(slots=True)
class _Uses:
    """The uses of one transform.

    Attributes
    ----------
    needed : int
        How many uses show what a working transform does.
    inputs, outputs : list of bytes
        Digests of what the transform got and returned.
    """

    needed: int
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        return self.inputs != self.outputs

    @property
    def random(self) -> bool:
        """Whether one input had several outputs."""
        pairs = set(zip(self.inputs, self.outputs, strict=True))
        return len(pairs) > len(set(self.inputs))


def idle_transforms(
    roots: Mapping[str, object], use: Callable[[int], Hashable]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find random transforms of torchvision's that do nothing.

    Parameters
    ----------
    roots : mapping of str to object
        From where to look for transforms.
    use : callable
        Makes samples, from random states that differ by the number it is called with,
        and returns their digests.

    Returns
    -------
    idle : tuple of str
        Paths of transforms that returned their input. A transform counts if it got
        images with more than one value so often that a working transform would have
        changed one of them, but for the chance `dejabatch.chance.FALSE_ALARM`.
    ignored : tuple of str
        Paths of transforms that changed images at random, in samples that never varied.
    """
    uses: dict[str, _Uses] = {}

    def hook(path: str) -> tuple[Callable[..., None], Callable[..., None]]:
        given: list[bytes | None] = []

        def before(_module: Any, arguments: tuple[Any, ...]) -> None:
            given.append(fingerprint(arguments) if _has_content(arguments) else None)

        def after(_module: Any, arguments: tuple[Any, ...], output: Any) -> None:
            digest = given.pop()
            if digest is not None:
                wrapped = (output,) if len(arguments) == 1 else output
                uses[path].inputs.append(digest)
                uses[path].outputs.append(fingerprint(wrapped))

        return before, after

    holders: dict[str, object] = {}
    for path, value in walk(roots):
        holders[path] = value
        if not is_a(value, torch.nn.Module) or not _is_random(type(value)):
            continue
        module: Any = value
        if getattr(module, "p", None) == 0 and _is_part_of_a_preset(path, holders):
            continue
        needed = _uses_needed(module)
        if needed <= _MOST_USES:
            uses[path] = _Uses(needed)
            before, after = hook(path)
            module.register_forward_pre_hook(before)
            module.register_forward_hook(after)
    moves = range(max((one.needed for one in uses.values()), default=0))
    samples = {use(move) for move in moves}
    used = {path: one for path, one in uses.items() if len(one.inputs) >= one.needed}
    idle = tuple(path for path, one in used.items() if not one.changes)
    ignored = tuple(path for path, one in used.items() if one.random)
    return idle, ignored if len(samples) == 1 else ()


def _is_random(cls: type) -> bool:
    from_torchvision = cls.__module__.startswith("torchvision.transforms")
    return from_torchvision and any(name in cls.__name__ for name in _RANDOM)


def _is_part_of_a_preset(path: str, holders: Mapping[str, object]) -> bool:
    """Return whether a library has chosen a transform's settings, and not the user.

    A published set of transforms has all kinds, and switches some off. A dataset of a
    library gets its transforms from the user.
    """
    while path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
        holder = holders.get(path)
        library = library_of(type(holder).__module__)
        if library not in {None, "torch", "torchvision"} or is_a(holder, Dataset):
            return not is_a(holder, Dataset)
    return False


def _uses_needed(module: Any) -> int:
    p = getattr(module, "p", 1.0)
    if not isinstance(p, (int, float)) or not 0 < p < 1:
        return 8
    return math.ceil(math.log(FALSE_ALARM) / math.log(1 - p))


def _has_content(arguments: object) -> bool:
    """Return whether the arguments hold an image that has more than one value."""
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
