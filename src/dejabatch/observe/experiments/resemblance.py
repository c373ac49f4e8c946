"""Compare the data of two makings of a loader, index by index.

An image that is cropped when the dataset is made resembles itself in another making more
than it resembles other images. Data that are drawn at random resemble nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dejabatch.observe.batches import parts_of
from dejabatch.observe.experiments.made_again import InOtherStates
from dejabatch.observe.experiments.trials import fetched
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.observe.record import Observation
from dejabatch.state.reach import is_a, walk

Values = npt.NDArray[np.float64]

# With six indices, data without any resemblance pass in one of 500 cases.
_MOST_INDICES = 6
_FEWEST_INDICES = 4
# Random data of more than a few numbers are further apart.
_CLOSE = 0.5
_QUANTILES = np.linspace(0, 1, 33)


def resemblance(
    make_loader: Callable[[], Any], seen: Observation, *, time_limit: float
) -> dict[str, bool]:
    """Return the parts of samples that were compared, and whether they resemble.

    Parameters
    ----------
    make_loader : callable
        Returns a new loader; called in a process of its own.
    seen : dejabatch.observe.record.Observation
        The observation of a first loader and of a second, ``seen.rebuilt``.
    time_limit : float
        Seconds after which the comparison ends without an answer.

    Returns
    -------
    dict of str to bool
        By the path of the part. Empty if most samples of both loaders are equal.
    """
    indices = _redrawn_indices(seen)
    if len(indices) < _FEWEST_INDICES:
        return {}
    outcome = run_isolated(_Comparing(make_loader, indices), time_limit)
    return next((one for one in outcome.sent if isinstance(one, dict)), {})


def _redrawn_indices(seen: Observation) -> list[int]:
    if seen.rebuilt is None or seen.facts is None or not seen.facts.map_style:
        return []
    if seen.facts.index_lists:
        return []
    one = dict(pair for fetch in seen.fetches for pair in fetch.pairs())
    other = dict(pair for fetch in seen.rebuilt.fetches for pair in fetch.pairs())
    common = sorted(one.keys() & other.keys())
    redrawn = [index for index in common if one[index] != other[index]]
    return redrawn[:_MOST_INDICES] if 2 * len(redrawn) > len(common) else []


@dataclass(frozen=True, slots=True)
class _Comparing:
    """Make two loaders and compare their samples; runs in a process of its own."""

    make_loader: Callable[[], Any]
    indices: list[int]

    def __call__(self, send: Send) -> None:
        makings = [
            [dict(_values_of_parts(sample)) for sample in self._samples(number)]
            for number in (1, 2)
        ]
        paths = set.intersection(
            *(set(parts) for making in makings for parts in making)
        )
        columns = {
            path: [[parts[path] for parts in making] for making in makings]
            for path in paths
        }
        send({path: shows_identity(*column) for path, column in columns.items()})

    def _samples(self, number: int) -> Iterator[Any]:
        loader = InOtherStates(self.make_loader, number)()
        batched = loader.batch_sampler is not None
        for index in self.indices:
            yield fetched(loader.dataset, index, batched=batched)


def shows_identity(one: list[Values], other: list[Values]) -> bool:
    """Return whether a part shows that an index has the same item in both makings.

    A part that was not drawn again shows it as well, unless the part is a single number
    or the same under all indices: random data have a label, a number or a mask, too.
    """
    if all(map(np.array_equal, one, other)):
        different = {values.tobytes() for values in one}
        return len(different) == len(one) and min(map(len, one)) > 1
    return resemble(one, other)


def resemble(one: list[Values], other: list[Values]) -> bool:
    """Return whether arrays are close to their namesakes, or closer than to others.

    Parameters
    ----------
    one, other : list of numpy.ndarray
        The arrays of two makings, in the same order.
    """
    own = [_between_positions(*values) for values in zip(one, other, strict=True)]
    if np.median(own) < _CLOSE:
        return True
    for distance in (_between_quantiles, _between_positions, _between_sets):
        closest = 0
        for position, values in enumerate(one):
            to_namesake = distance(values, other[position])
            others = other[:position] + other[position + 1 :]
            closest += all(to_namesake < distance(values, far) for far in others)
        if closest >= len(one) - 1:
            return True
    return False


def _between_quantiles(one: Values, other: Values) -> float:
    difference = np.quantile(one, _QUANTILES) - np.quantile(other, _QUANTILES)
    return float(np.abs(difference).sum())


def _between_positions(one: Values, other: Values) -> float:
    """Return 0 for arrays that are proportional, and 1 for unrelated ones."""
    # Samples of several sizes differ in size alone: their ends do not count.
    common = min(len(one), len(other))
    one, other = (
        one[:common] - one[:common].mean(),
        other[:common] - other[:common].mean(),
    )
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1 - abs(float(one @ other)) / norm if norm else 1.0


def _between_sets(one: Values, other: Values) -> float:
    """Return the share of values that only one array has, as a crop and its image."""
    values, others = np.unique(one), np.unique(other)
    return 1 - len(np.intersect1d(values, others)) / min(len(values), len(others))


def _values_of_parts(sample: Any) -> Iterator[tuple[str, Values]]:
    for path, part in parts_of(sample).items():
        values = _values(part)
        # A graph or a batch of tokens is an object that holds its tensors.
        inside = {path: part} if values is not None else dict(_arrays_in(path, part))
        for place, one in inside.items():
            values = _values(one)
            if values is not None and len(values):
                yield place, values


def _arrays_in(path: str, part: Any) -> Iterator[tuple[str, Any]]:
    for place, value in walk({path: part}, classes=False):
        if is_a(value, (torch.Tensor, np.ndarray)):
            yield place, value


def _values(part: Any) -> Values | None:
    """Return a part as numbers; None if it has none."""
    if isinstance(part, str):
        part = [zlib.crc32(word.encode()) for word in part.split()]
    elif isinstance(part, torch.Tensor):
        part = part.detach().as_subclass(torch.Tensor).cpu().to(torch.float64).numpy()
    elif isinstance(part, Mapping):
        return None
    try:
        values = np.asarray(part, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return values[np.isfinite(values)]
