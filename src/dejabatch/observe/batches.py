"""Take batches and samples apart: rows, labels and tensors."""

from __future__ import annotations

import copy
import functools
import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import xxhash

from dejabatch.observe.record import BLANK, NO_CONTENT, SMALL_CONTENT
from dejabatch.state.fingerprint import (
    fingerprint,
    fingerprints,
    fingerprints_of_rows,
    stacked,
)

_DIGITS = re.compile(r"\d+")
_INTEGERS = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
# Keys under which the label of a sample is stored in a dictionary.
_LABELS = ("label", "labels", "target", "targets", "y", "cls", "class")
# Parts of a sample are looked for in this many nested containers, of so many items each.
_MOST_LEVELS = 3
_MOST_ITEMS = 16
_MOST_PARTS = 32
# A part of fewer bytes, such as a label or a size, is equal in many samples.
_FEWEST_BYTES = 64
# A row of a table has more numbers than a position or a size.
_FEWEST_NUMBERS = 4
_SHORTEST_NAME = 12

_NUMBERS = {int, float}
_LEAVES = {torch.Tensor, np.ndarray, int, float, str}

# Rows whose values differ by less, relative to the largest, are equal but for rounding.
_ROUNDING = 0.02


def parts_of(sample: Any) -> dict[str, Any]:
    """Return the parts of a sample by path, such as ``['image']`` or ``[0]``.

    Parameters
    ----------
    sample : object
        Any nested sample.

    Returns
    -------
    dict of str to object
        Tensors, arrays, numbers, texts, images and all other objects that are neither a
        mapping nor a short list or tuple. ``{"": sample}`` if there are too many parts.
    """
    parts: dict[str, Any] = {}
    _add_parts(parts, "", sample, _MOST_LEVELS)
    return parts if 0 < len(parts) <= _MOST_PARTS else {"": sample}


def _add_parts(parts: dict[str, Any], path: str, value: Any, levels: int) -> None:
    if type(value) in _LEAVES:  # asking whether a tensor is a Mapping takes longer
        parts[path] = value
        return
    short = isinstance(value, (list, tuple, Mapping)) and len(value) <= _MOST_ITEMS
    if not short or not levels:
        parts[path] = value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _add_parts(parts, f"{path}[{key!r}]", item, levels - 1)
    else:
        for position, item in enumerate(value):
            _add_parts(parts, f"{path}[{position}]", item, levels - 1)


def with_part(sample: Any, path: str, value: Any) -> Any:
    """Return a sample with another part, and the same objects otherwise.

    Parameters
    ----------
    sample : object
        Any nested sample; it is not changed.
    path : str
        The path of the part, as in `parts_of`.
    value : object
        The other part.
    """
    return _with_part(sample, path, value, "", _MOST_LEVELS)


def _with_part(sample: Any, path: str, value: Any, here: str, levels: int) -> Any:
    if here == path or not levels:
        return value if here == path else sample
    if isinstance(sample, Mapping):
        changed = {
            key: _with_part(item, path, value, f"{here}[{key!r}]", levels - 1)
            for key, item in sample.items()
        }
        return _filled(sample, changed)
    if isinstance(sample, (list, tuple)):
        items = [
            _with_part(item, path, value, f"{here}[{position}]", levels - 1)
            for position, item in enumerate(sample)
        ]
        named: Any = getattr(sample, "_make", type(sample))
        return named(items)
    return sample


def _filled(sample: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """Return a mapping of the class of `sample` with other items."""
    if type(sample) is dict:
        return items
    filled: Any = copy.copy(sample)
    for key, item in items.items():
        filled[key] = item
    return filled


def digest_of_parts(parts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the fingerprint of each part of a sample, by path."""
    return {path: fingerprint(part) for path, part in parts.items()}


class Digests(NamedTuple):
    """The digests of several samples.

    Attributes
    ----------
    samples, contents, details : list of bytes
        The digests of each whole sample, of its large parts, and of the small ones that
        tell it from another.
    parts : dict of str to list of bytes
        The fingerprints of each part, by path; empty if samples have different parts.
    """

    samples: list[bytes]
    contents: list[bytes]
    details: list[bytes]
    parts: dict[str, list[bytes]]


def digests_of(
    samples: Sequence[Any], opaque: Callable[[type], object] | None = None
) -> Digests:
    """Return the digests of samples, of which each part is read once.

    Parameters
    ----------
    samples : sequence
        Any nested samples.
    opaque : callable, optional
        As for `fingerprint`.
    """
    taken_apart = [parts_of(sample) for sample in samples]
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, parts in enumerate(taken_apart):
        rows.setdefault(tuple(parts), []).append(row)
    empty = [b""] * len(samples)
    merged = Digests([*empty], [*empty], [*empty], {})
    for paths, of_these in rows.items():
        found = _of_alike(paths, [taken_apart[row] for row in of_these], opaque)
        if len(rows) == 1:
            return found
        for all_rows, ours in zip(merged[:3], found[:3], strict=True):
            for row, digest in zip(of_these, ours, strict=True):
                all_rows[row] = digest
    return merged


def _of_alike(
    paths: Iterable[str],
    taken_apart: list[dict[str, Any]],
    opaque: Callable[[type], object] | None,
) -> Digests:
    """Return the digests of samples that have the same parts."""
    columns = {
        path: _read([parts[path] for parts in taken_apart], opaque)
        for path in sorted(paths)
    }
    parts = {path: column.digests for path, column in columns.items()}
    tag = repr([*columns]).encode()
    samples = [_joined([tag, *row]) for row in zip(*parts.values(), strict=True)]
    read = [*columns.values()]
    return Digests(samples, _contents(read), _details(read), parts)


class _Column(NamedTuple):
    """The same part of several samples.

    Attributes
    ----------
    values : list
        The parts themselves.
    digests : list of bytes
        Their fingerprints.
    large, blank : list of bool
        Whether each has many bytes, and if so whether it has only one value.
    """

    values: list[Any]
    digests: list[bytes]
    large: list[bool]
    blank: list[bool]


def _read(values: list[Any], opaque: Callable[[type], object] | None) -> _Column:
    rows = stacked(values)
    if rows is None:
        # One after the other, because a tensor of other strides is copied.
        read = [_read_one(value, opaque) for value in values]
        return _Column(values, *map(list, zip(*read, strict=True)))
    large = [_num_bytes(values[0]) >= _FEWEST_BYTES] * len(values)
    flat = rows.reshape(len(rows), -1)
    # Most images show at their last value that they are not blank.
    ends_alike = flat[:, 0] == flat[:, -1]
    blank = ends_alike.clone()
    blank[ends_alike] = (flat[ends_alike] == flat[ends_alike, :1]).all(dim=1)
    return _Column(values, fingerprints_of_rows(rows), large, blank.tolist())


def _read_one(
    value: Any, opaque: Callable[[type], object] | None
) -> tuple[bytes, bool, bool]:
    plain = type(value) is torch.Tensor and value.layout == torch.strided
    if plain and value.is_cpu and not (value.is_contiguous() or value.is_quantized):
        # Copied once, and not by each step; new memory would cost as much again.
        value = _buffer(value.shape, value.dtype).copy_(value.detach())
    large = _num_bytes(value) >= _FEWEST_BYTES
    return fingerprint(value, opaque=opaque), large, large and _is_blank(value)


@functools.lru_cache(maxsize=4)
def _buffer(shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype)


def _joined(digests: list[bytes]) -> bytes:
    return xxhash.xxh3_128_digest(b"".join(digests))


def _contents(columns: list[_Column]) -> list[bytes]:
    """Return a digest of each sample without labels, sizes and other small parts.

    The digest is `NO_CONTENT` if all parts are small, and `BLANK` if all large parts are
    blank. The digest of rows of fractions begins with `SMALL_CONTENT`.
    """
    large = [column for column in columns if True in column.large]
    if len(large) == 1 and all(large[0].large) and True not in large[0].blank:
        return large[0].digests
    return [_content(columns, row) for row in range(len(columns[0].values))]


def _content(columns: list[_Column], row: int) -> bytes:
    large = [column for column in columns if column.large[row]]
    if not large:
        values = [column.values[row] for column in columns]
        rows = [c.digests[row] for c in columns if _is_row(c.values[row])]
        if not rows or any(map(_is_text, values)):
            return NO_CONTENT
        return (SMALL_CONTENT + _joined(rows))[: len(BLANK)]
    if all(column.blank[row] for column in large):
        return BLANK
    if len(large) == 1:
        return large[0].digests[row]
    return _joined([column.digests[row] for column in large])


def _details(columns: list[_Column]) -> list[bytes]:
    """Return a digest of the small parts that tell each sample from another.

    These are texts of several words and arrays of several numbers, such as a question
    about an image or a point in it. Labels, numbers and names tell nothing. The digest is
    `NO_CONTENT` if there are none.
    """
    rows: list[list[bytes]] = [[] for _ in columns[0].values]
    for values, digests, large, _ in columns:
        if all(large) or _NUMBERS.issuperset(map(type, values)):
            continue
        for row, value in enumerate(values):
            if not large[row] and _tells_apart(value):
                rows[row].append(digests[row])
    return [_joined(row) if row else NO_CONTENT for row in rows]


def _tells_apart(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.split()) > 1
    shape: Any = getattr(value, "shape", None)
    return bool(shape) and math.prod(shape) > 1


def _is_row(value: Any) -> bool:
    """Return whether a part is a few numbers that are not all whole."""
    if isinstance(value, torch.Tensor):
        if not value.is_floating_point() or value.layout != torch.strided:
            return False
        value = value.detach().as_subclass(torch.Tensor).to(torch.float64).tolist()
    try:
        numbers = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return False
    return len(numbers) >= _FEWEST_NUMBERS and bool((numbers % 1 != 0).any())


def _is_text(value: Any) -> bool:
    """Return whether a part is a text or a file's name, and not a short key."""
    return isinstance(value, str) and (
        len(value) >= _SHORTEST_NAME or len(value.split()) > 1
    )


def small_parts(sample: Any) -> frozenset[str]:
    """Return the paths of a sample's small parts, unless all parts are small."""
    parts = parts_of(sample)
    small = frozenset(
        p for p, part in parts.items() if _num_bytes(part) < _FEWEST_BYTES
    )
    return small if len(small) < len(parts) else frozenset()


def equal_views(
    samples: Sequence[Mapping[str, bytes]], small: Container[str]
) -> tuple[str, ...]:
    """Return the paths of parts that are equal in every sample, and vary between samples.

    Parameters
    ----------
    samples : sequence of mapping of str to bytes
        The digest of each part, by path, of one sample from several random states.
    small : container of str
        Paths of small parts, which may be equal labels.

    Returns
    -------
    tuple of str
        Parts whose paths differ by numbers alone, such as ``['view1']`` and ``['view2']``;
        the most that do. Empty if there are none.
    """
    first, *others = samples
    groups: dict[tuple[str, bytes], list[str]] = {}
    for path, digest in first.items():
        if path not in small and path.endswith("]"):
            groups.setdefault((_DIGITS.sub("", path), digest), []).append(path)
    found = [
        tuple(paths)
        for paths in groups.values()
        if len(paths) > 1
        and all(len({one.get(path) for path in paths}) == 1 for one in others)
        and any(one.get(paths[0]) != first[paths[0]] for one in others)
    ]
    return max(found, key=len, default=())


def largest_part(sample: Any) -> str:
    """Return the path of the part of a sample with the most bytes."""
    parts = parts_of(sample)
    return max(parts, key=lambda path: _num_bytes(parts[path]))


def _num_bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, (np.ndarray, str, bytes)):
        return value.nbytes if isinstance(value, np.ndarray) else len(value)
    if isinstance(value, (list, tuple)):
        return 8 * len(value)
    simple = value is None or isinstance(value, (int, float, complex, np.generic))
    return 0 if simple else _FEWEST_BYTES


def _is_blank(value: Any) -> bool:
    """Return whether a part has one value only, as a blank image has."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (list, tuple)):
        return all(item == value[0] for item in value) if _are_numbers(value) else False
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_meta or value.is_quantized:
            return False
        plain = type(value) is torch.Tensor
        values: Any = value if plain else value.as_subclass(torch.Tensor)
        try:  # an array reads single values ten times faster
            values = values.detach().numpy()
        except (RuntimeError, TypeError):  # such as bfloat16
            values = values.detach()
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        values = value
    elif any(cls.__module__ == "PIL.Image" for cls in type(value).__mro__):
        extrema = np.reshape(value.getextrema(), (-1, 2))
        return bool((extrema[:, 0] == extrema[:, 1]).all())
    else:
        return False
    if not math.prod(values.shape):
        return True
    first, last = values[(0,) * values.ndim], values[(-1,) * values.ndim]
    return bool(first == last) and bool((values == first).all())


def _are_numbers(values: Any) -> bool:
    return all(isinstance(value, (int, float, np.generic)) for value in values)


def rows_of(batch: Any, length: int | None = None) -> list[tuple[Any, ...]]:
    """Take a batch apart into the parts that belong to one sample each.

    Parameters
    ----------
    batch : object
        Any nesting of tensors, arrays and lists.
    length : int, optional
        The number of samples; by default the length of the first tensor or array.

    Returns
    -------
    list of tuple
        One tuple of parts for each sample. Empty if no part has that length, or if the
        parts cannot be assigned to samples: two tensors of two rows in one list may be
        two samples, or two parts of two samples.
    """
    columns = _Columns(length)
    columns.collect(batch)
    return [] if columns.unclear else list(zip(*columns.parts, strict=True))


def samples_of(item: Any) -> list[Any]:
    """Return the samples of an item of a stream that the loader does not batch.

    Returns
    -------
    list
        The rows of an item that is a batch: two or more of its parts have a row for each
        sample. Any other item is one sample.
    """
    rows = rows_of(item)
    return rows if rows and len(rows[0]) > 1 else [item]


def flat(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the samples of a stream's items, each a sample or a batch."""
    for item in items:
        yield from samples_of(item)


class _Columns:
    """The parts of a batch that have one row for each sample.

    A class, because a recursive inner function would be a reference cycle, which keeps
    the batch's shared memory until the next garbage collection.
    """

    def __init__(self, length: int | None) -> None:
        self._length = length
        self.parts: list[Any] = []
        self.unclear = False

    def collect(self, value: Any) -> None:
        """Add the parts of a value."""
        if self._has_length(value):
            self.parts.append(value)
        elif isinstance(value, Mapping):
            for item in value.values():
                self.collect(item)
        elif isinstance(value, (list, tuple)):
            has_columns = any(self._has_length(item) for item in value)
            self.unclear |= has_columns and len(value) == self._length
            if len(value) == self._length and not has_columns:
                self.parts.append(value)
            else:
                for item in value:
                    self.collect(item)

    def _has_length(self, value: Any) -> bool:
        if not isinstance(value, (torch.Tensor, np.ndarray)) or not value.ndim:
            return False
        self._length = len(value) if self._length is None else self._length
        return len(value) == self._length


def count_different_rows(batch: Any, samples: list[Any]) -> int | None:
    """Count the rows of a batch that differ: 1 if a part of one sample is in all rows.

    None if the batch cannot be taken apart.
    """
    columns = digests_of_columns(batch, len(samples))
    if not columns:
        return None
    repeated = {column[0] for column in columns if len(set(column)) == 1}
    if repeated and not repeated.isdisjoint(_of_single_samples(samples)):
        return 1
    return len(set(zip(*columns, strict=True)))


def digests_of_columns(batch: Any, length: int) -> list[list[bytes]]:
    """Return the fingerprints of each column of a batch, one for each row.

    Parameters
    ----------
    batch, length
        As for `rows_of`.

    Returns
    -------
    list of list of bytes
        Empty if the batch cannot be taken apart.
    """
    rows = rows_of(batch, length)
    return [fingerprints(column) for column in zip(*rows, strict=True)]


def _of_single_samples(samples: list[Any]) -> set[bytes]:
    """Return the fingerprints of tensors that some samples have, and others have not."""
    differing: set[bytes] = set()
    # Content that all samples share, which all rows may have.
    common: set[bytes] = set()
    for column in zip(*map(_tensors, samples), strict=False):
        # Another part may have the same number by chance.
        digests = {fingerprint(tensor) for tensor in column if tensor.numel() > 1}
        if len(digests) > 1:
            differing |= digests
        else:
            common |= digests
    return differing - common


def rows_differ(one: Any, other: Any) -> bool:
    """Return whether two rows of one shape differ by more than rounding."""
    if isinstance(one, Mapping):
        common = one.keys() & other.keys()
        return any(rows_differ(one[key], other[key]) for key in common)
    if isinstance(one, (tuple, list)):
        return any(rows_differ(a, b) for a, b in zip(one, other, strict=False))
    if isinstance(one, (int, float, torch.Tensor, np.ndarray, np.generic)):
        a, b = np.asarray(one), np.asarray(other)
        if a.shape != b.shape or a.dtype.kind not in "biuf" or not a.size:
            return False
        a, b = a.astype(np.float64), b.astype(np.float64)
        return bool(np.abs(a - b).max() > _ROUNDING * np.abs(a).max())
    return fingerprint(one) != fingerprint(other)


def labels_of(samples: list[Any]) -> npt.NDArray[np.int64] | None:
    """Return the label of each sample: the last of its parts that is one integer.

    Returns
    -------
    numpy.ndarray or None
        int64 of shape (samples,); None if a sample has no such part.
    """
    labels = []
    for sample in samples:
        # Asking whether a tuple is a Mapping takes longer.
        if isinstance(sample, (list, tuple)) and 1 < len(sample) <= 4:
            parts = sample
        elif isinstance(sample, Mapping):
            parts = [sample[name] for name in _LABELS if name in sample]
        else:
            return None
        last = next((part for part in reversed(parts) if _is_integer(part)), None)
        if last is None:
            return None
        labels.append(int(last))
    try:
        return np.array(labels, dtype=np.int64)
    except OverflowError:
        return None


def _is_integer(value: object) -> bool:
    if type(value) is int:
        return True
    if isinstance(value, (torch.Tensor, np.ndarray)):
        if value.ndim:
            return False
        if isinstance(value, np.ndarray):
            return value.dtype.kind in "iu"
        return value.dtype in _INTEGERS and value.device.type == "cpu"
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _tensors(sample: Any) -> list[torch.Tensor]:
    """Return the tensors and arrays in a sample, as default_collate would have them."""
    if isinstance(sample, torch.Tensor):
        return [sample]
    if isinstance(sample, np.ndarray):
        try:
            return [torch.as_tensor(sample)]
        except (TypeError, ValueError):  # text, foreign byte order, 128 bits
            return []
    if isinstance(sample, Mapping):
        return [tensor for value in sample.values() for tensor in _tensors(value)]
    if isinstance(sample, (list, tuple)):
        return [tensor for value in sample for tensor in _tensors(value)]
    return []
