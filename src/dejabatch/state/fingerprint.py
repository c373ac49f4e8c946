"""Hash any nested sample to a digest of 16 bytes.

Samples of the same types, structure and bytes have the same digest. Digests can be
compared between workers, epochs, ranks and machines of one byte order. The hash is
XXH3 with 128 bits (https://xxhash.com), which is faster than copying the sample. XXH3 is
not cryptographic, and need not be: no attacker builds samples that collide.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import pathlib
import struct
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import torch
import xxhash

from dejabatch.state.attributes import attribute

DIGEST_SIZE = 16
"""Length of a fingerprint in bytes."""

_MOST_LEVELS = 64

# A sparse hash reads so many pieces of an array with more bytes than `_LARGE`. A prime
# number of pieces puts them at other columns in each row of an image.
_LARGE, _PIECES, _PIECE = 2**16, 509, 64


def fingerprint(
    sample: object,
    *,
    opaque: Callable[[type], object] | None = None,
    sparse: bool = False,
) -> bytes:
    """Return a digest of a sample's content.

    Hashing neither advances an iterator nor draws from a random generator.

    Parameters
    ----------
    sample : object
        A sample as ``dataset[index]`` or an iterable dataset returns it, not collated.
    opaque : callable, optional
        Called with the type of each part that shows no content, such as an iterator or a
        lock. Only the type of such a part is hashed, so samples that differ in nothing
        else have the same digest.
    sparse : bool
        Whether to hash only 32 KB of each tensor or array above 64 KiB, in 509 pieces at
        even distances. Reading all bytes of a batch takes a few per cent of an epoch.

    Returns
    -------
    bytes
        The digest, `DIGEST_SIZE` bytes.

    Notes
    -----
    Tensors and arrays are hashed with dtype, shape and values, whatever their strides,
    device or ``requires_grad``. The order of mappings and sets does not count.
    Floating-point values are hashed by their bits: -0.0 differs from 0.0, and NaNs of
    the same bits are equal. Parts more than 64 levels deep are hashed by their type.
    """
    if type(sample) is int:
        return _of_number(sample)
    walk = _Walk(opaque or (lambda _: None), sparse=sparse)
    walk.value(sample)
    return walk.hasher.digest()


# Cached because many samples have the same label.
@functools.lru_cache(maxsize=4096)
def _of_number(value: int) -> bytes:
    walk = _Walk(lambda _: None, sparse=False)
    walk.value(value)
    return walk.hasher.digest()


def fingerprints(samples: Sequence[object]) -> list[bytes]:
    """Return the `fingerprint` of each sample, faster if they can be stacked."""
    rows = stacked(samples)
    if rows is None:
        return [fingerprint(sample) for sample in samples]
    return fingerprints_of_rows(rows)


def stacked(samples: Sequence[Any]) -> torch.Tensor | None:
    """Return small plain tensors of one shape as one tensor, and None for all others."""
    first = samples[0] if samples else None
    if type(first) is not torch.Tensor or first.is_quantized:
        return None
    if not 0 < first.numel() * first.element_size() <= _LARGE:
        return None
    dtype, shape = first.dtype, first.shape
    for one in samples:
        if type(one) is not torch.Tensor or one.dtype != dtype or one.shape != shape:
            return None
        if (
            one.layout != torch.strided
            or not one.is_cpu
            or one.is_conj()
            or one.is_neg()
        ):
            return None
    with torch.no_grad():
        return torch.stack([*samples])


def fingerprints_of_rows(rows: torch.Tensor) -> list[bytes]:
    """Return the `fingerprint` of each row of a tensor that `stacked` has returned.

    This takes a quarter of the time that `fingerprint` takes for small tensors.
    """
    tag = _tensor_tag(rows.dtype, rows.shape[1:], rows.layout)
    digests = []
    for content in rows.reshape(len(rows), -1).view(torch.uint8).numpy():
        hasher = xxhash.xxh3_128(tag)
        hasher.update(content.data)
        digests.append(hasher.digest())
    return digests


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def _name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _tag(*parts: object) -> bytes:
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return struct.pack("<q", len(text)) + text


# Cached because formatting a dtype takes longer than hashing a small tensor.
@functools.lru_cache(maxsize=1024)
def _tensor_tag(dtype: torch.dtype, shape: torch.Size, layout: torch.layout) -> bytes:
    return _tag("tensor", dtype, tuple(shape), layout)


class _Walk:
    """One walk over one sample, which feeds a hasher.

    Attributes
    ----------
    hasher : xxhash.xxh3_128
        Takes everything that the walk meets.
    opaque : callable
        Called with the type of each part that shows no content.
    sparse : bool
        Whether to hash only pieces of large arrays.
    parents : list of int
        Ids of the objects around the current value, the outermost first.
    """

    def __init__(self, opaque: Callable[[type], object], *, sparse: bool) -> None:
        self.hasher = xxhash.xxh3_128()
        self.opaque = opaque
        self.sparse = sparse
        self.parents: list[int] = []

    def tag(self, *parts: object) -> None:
        """Feed texts with their length, so that ["ab"] differs from ["a", "b"]."""
        self.hasher.update(_tag(*parts))

    def value(self, value: object) -> None:
        """Feed any value."""
        if value is None or isinstance(value, (bool, int, str, pathlib.PurePath)):
            self.tag(_name(value), value)
        elif isinstance(value, (float, complex)):
            number = complex(value)
            self.tag(_name(value), struct.pack("<dd", number.real, number.imag).hex())
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self.data(_name(value), bytes(value))
        elif isinstance(value, torch.Tensor):
            self.tensor(value)
        elif isinstance(value, (np.ndarray, np.generic)):
            self.array(np.asarray(value))
        elif isinstance(value, enum.Enum):
            self.tag(_name(value), value.name)
        elif isinstance(value, (type, *_FUNCTIONS)):
            self.tag(_name(value), value.__module__, value.__qualname__)
        elif id(value) in self.parents:
            self.tag("cycle", len(self.parents) - self.parents.index(id(value)))
        elif len(self.parents) == _MOST_LEVELS:
            self.type_alone(value)
        else:
            self.parents.append(id(value))
            self.holder(value)
            self.parents.pop()

    def holder(self, value: Any) -> None:
        """Feed a value that holds other values."""
        if isinstance(value, (list, tuple)):
            self.tag(_name(value), len(value))
            for item in value:
                self.value(item)
        elif isinstance(value, Mapping):
            self.tag(_name(value), len(value))
            self.unordered(value.items())
        elif isinstance(value, AbstractSet):
            self.tag(_name(value), len(value))
            self.unordered(value)
        elif _is_image(value):
            self.tag(_name(value), value.mode, value.size)
            self.data("pixels", value.tobytes())
        elif attributes := _attributes(value):
            self.tag(_name(value), len(attributes))
            self.unordered(attributes.items())
        else:
            self.type_alone(value)

    def unordered(self, items: Iterable[object]) -> None:
        """Feed the sorted digests of items, so that their order does not count."""
        digests = []
        outer = self.hasher
        for item in items:
            self.hasher = xxhash.xxh3_128()
            self.value(item)
            digests.append(self.hasher.digest())
        self.hasher = outer
        self.hasher.update(b"".join(sorted(digests)))

    def tensor(self, tensor: torch.Tensor) -> None:
        """Feed a tensor of any layout."""
        tensor = tensor.detach()
        self.hasher.update(_tensor_tag(tensor.dtype, tensor.shape, tensor.layout))
        if tensor.is_meta:
            self.opaque(type(tensor))
        elif tensor.is_quantized:
            self.tensor(tensor.int_repr())
            self.tensor(tensor.dequantize())
        elif tensor.layout == torch.sparse_coo:
            tensor = tensor.coalesce()
            self.tensor(tensor.indices())
            self.tensor(tensor.values())
        elif tensor.layout in _COMPRESSED:
            for part in _COMPRESSED[tensor.layout]:
                self.tensor(getattr(tensor, part)())
        elif tensor.layout != torch.strided:
            self.opaque(type(tensor))
        elif tensor.numel():
            # Subclasses override operations; torchvision's tensors return other types.
            if type(tensor) is not torch.Tensor:
                tensor = tensor.as_subclass(torch.Tensor)
            tensor = tensor.resolve_conj().resolve_neg().contiguous()
            if tensor.stride()[-1:] != (1,):  # numbers, and what has a single element
                tensor = tensor.reshape(-1).clone(memory_format=torch.contiguous_format)
            content = tensor.view(torch.uint8)
            if self.sparse:
                # The pieces are cut on the tensor's device, before they are copied.
                content = self.pieces(content.reshape(-1)).contiguous()
            self.hasher.update(content.cpu().numpy().data)

    def array(self, array: np.ndarray[Any, Any]) -> None:
        """Feed an array of any dtype."""
        self.tag("array", array.dtype, array.shape)
        if array.dtype.hasobject:
            for item in array.reshape(-1).tolist():
                self.value(item)
        else:
            flat = np.ascontiguousarray(array).reshape(-1)
            content = np.ascontiguousarray(self.pieces(flat.view(np.uint8)))
            self.hasher.update(content.data)

    def pieces(self, flat: Any) -> Any:
        """Return the bytes to hash, of all bytes of a tensor or array."""
        if not self.sparse or len(flat) <= _LARGE:
            return flat
        distance = len(flat) // _PIECES
        return flat[: _PIECES * distance].reshape(_PIECES, distance)[:, :_PIECE]

    def data(self, name: str, content: bytes) -> None:
        """Feed bytes with their length."""
        self.tag(name, len(content))
        self.hasher.update(content)

    def type_alone(self, value: object) -> None:
        """Feed the type of a part that shows no content, and report the type."""
        self.tag("opaque", _name(value))
        self.opaque(type(value))


_COMPRESSED = {
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
    torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
}


def _is_image(value: Any) -> bool:
    """Return whether a value is a PIL image, without importing PIL."""
    return any(cls.__module__ == "PIL.Image" for cls in type(value).__mro__)


def _attributes(value: object) -> dict[str, object]:
    """Return the attributes that an instance stores, in slots or in its ``__dict__``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        slots = [vars(cls).get("__slots__", ()) for cls in type(value).__mro__]
        names = [n for s in slots for n in ([s] if isinstance(s, str) else s)]
        names += list(attribute(value, "__dict__", ()))
    absent = object()
    found = {
        name: attribute(value, name, absent) for name in names if name != "__dict__"
    }
    return {name: item for name, item in found.items() if item is not absent}
