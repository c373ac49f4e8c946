"""Samples have equal digests exactly if their content is equal; hashing changes none."""

import collections
import copy
import dataclasses
import enum
import pathlib
import random
import threading
import warnings

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dejabatch.state.fingerprint import DIGEST_SIZE, fingerprint

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Record:
    image: object
    label: int = 0


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Plain:
    def __init__(self, value):
        self.value = value

    __eq__ = None
    __hash__ = None


class Callable(Plain):
    def __call__(self):
        return self.value


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def image(shade):
    return PIL.Image.new("RGB", (4, 3), (shade, 0, 0))


def sparse(layout, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some layouts warn that they are in beta
        return torch.tensor([[0.0, value], [0.0, 0.0]]).to_sparse(layout=layout)


def quantized(scale):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, but still used in datasets
        return torch.quantize_per_tensor(torch.ones(3), scale, 0, torch.quint8)


# Two samples that differ in one place.
PAIRS = {
    "bool": (True, False),
    "int": (1, 2),
    "huge int": (10**40, 10**40 + 1),
    "float": (0.1, 0.1 + 2**-56),
    "signed zero": (0.0, -0.0),
    "complex": (1j, -1j),
    "str": ("a", "b"),
    "lone surrogate": ("\ud800", "\ud801"),
    "bytes": (b"a", b"b"),
    "bytearray": (bytearray(b"a"), bytearray(b"b")),
    "memoryview": (memoryview(b"a"), memoryview(b"b")),
    "path": (pathlib.Path("a"), pathlib.Path("b")),
    "enum": (Colour.RED, Colour.BLUE),
    "class": (int, str),
    "function": (len, sum),
    "list": ([1, 2], [2, 1]),
    "nesting": ([[1], 2], [[1, 2]]),
    "joined strings": (["ab"], ["a", "b"]),
    "list or tuple": ([1], (1,)),
    "namedtuple": (Point(1, 2), Point(1, 3)),
    "dict": ({"a": 1}, {"a": 2}),
    "dict key": ({"b": 1}, {"c": 1}),
    "set": ({1, 2}, {1, 3}),
    "dataclass": (Record([1]), Record([2])),
    "slots": (Slotted(1), Slotted(2)),
    "object without equality": (Plain(1), Plain(2)),
    "callable object": (Callable(1), Callable(2)),
    "PIL image": (image(1), image(2)),
    "array": (np.arange(3), np.array([0, 1, 3])),
    "array dtype": (np.zeros(2, np.int32), np.zeros(1, np.int64)),
    "array shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "object array": (np.array([1, "a"], object), np.array([1, "b"], object)),
    "structured": (np.zeros(1, "i4,f4"), np.ones(1, "i4,f4")),
    "datetime": (np.datetime64("2026-01-01"), np.datetime64("2026-01-02")),
    "tensor": (torch.arange(3), torch.tensor([0, 1, 3])),
    "tensor shape": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "tensor dtype": (torch.zeros(2, dtype=torch.int32), torch.zeros(1).long()),
    "bfloat16": (torch.ones(2).bfloat16(), torch.zeros(2).bfloat16()),
    "complex tensor": (torch.tensor([1j]), torch.tensor([1j]).conj()),
    "negative view": (torch.tensor([1j]).imag, torch.tensor([1j]).conj().imag),
    "0-d tensor": (torch.tensor(1), torch.tensor(2)),
    "zero-size": (torch.zeros(0, 2), torch.zeros(2, 0)),
    "quantized": (quantized(0.1), quantized(0.2)),
    "COO": (sparse(torch.sparse_coo, 1.0), sparse(torch.sparse_coo, 2.0)),
    "CSR": (sparse(torch.sparse_csr, 1.0), sparse(torch.sparse_csr, 2.0)),
    "CSC": (sparse(torch.sparse_csc, 1.0), sparse(torch.sparse_csc, 2.0)),
    "ragged": ([torch.zeros(1), torch.zeros(2)], [torch.zeros(2), torch.zeros(1)]),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_different_samples_have_different_digests(pair):
    one, other = (fingerprint(sample) for sample in pair)
    assert len(one) == len(other) == DIGEST_SIZE
    assert one != other
    # A digest has no address or hash seed in it, and hashing consumes nothing.
    assert fingerprint(pair[0]) == one


def test_all_samples_of_all_pairs_have_different_digests():
    samples = [sample for pair in PAIRS.values() for sample in pair]
    samples += [None, "", b"", [], (), {}, set(), 0, 0j, torch.zeros(0)]
    assert len(set(map(fingerprint, samples))) == len(samples)


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t.T.contiguous().T,
        lambda t: t.clone().requires_grad_(),
        lambda t: torch.cat([t, t])[: len(t)],
        lambda t: t.flip(0).flip(0),
        torch.nn.Parameter,
    ],
    ids=["strides", "requires_grad", "storage", "flipped twice", "subclass"],
)
def test_memory_layout_does_not_count(view):
    tensor = torch.arange(6.0).reshape(2, 3)
    assert fingerprint(view(tensor)) == fingerprint(tensor)


def test_expanded_tensor_equals_its_copy():
    tensor = torch.ones(1, 3).expand(4, 3)
    assert fingerprint(tensor) == fingerprint(torch.ones(4, 3))
    array = np.broadcast_to(np.ones(3), (4, 3))
    assert fingerprint(array) == fingerprint(np.ones((4, 3)))


def test_order_of_mappings_and_sets_does_not_count():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    # Filled in different orders, so that the sets iterate in different orders.
    assert fingerprint({8, 0}) == fingerprint({0, 8})


def test_nan_equals_nan():
    assert fingerprint(torch.tensor(torch.nan)) == fingerprint(torch.tensor(torch.nan))
    assert fingerprint(float("nan")) == fingerprint(float("nan"))


def test_hashing_ends_in_cycles_and_deep_nesting():
    cycle = [1]
    cycle.append(cycle)
    assert fingerprint(cycle) == fingerprint(cycle) != fingerprint([1, [1]])
    deep = []
    for _ in range(10_000):
        deep = [deep]
    assert len(fingerprint(deep)) == DIGEST_SIZE


@pytest.mark.parametrize(
    "sample",
    [iter([1, 2]), (n for n in range(3)), threading.Lock(), object(), map(str, [1])],
    ids=lambda sample: type(sample).__name__,
)
def test_part_without_content_is_reported_and_untouched(sample):
    reported = []
    digest = fingerprint({"x": [sample]}, opaque=reported.append)
    assert reported == [type(sample)]
    assert fingerprint({"x": [sample]}) == digest
    if hasattr(sample, "__next__"):
        assert next(sample) in (0, 1, "1")


def test_hashing_generators_does_not_draw():
    generators = [random.Random(1), np.random.default_rng(1), torch.Generator()]
    expected = [
        copy.deepcopy(generators[0]).random(),
        generators[1].bit_generator.state,
    ]
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1]
    fingerprint(generators)
    assert generators[0].random() == expected[0]
    assert generators[1].bit_generator.state == expected[1]
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert (np.random.get_state()[1] == before[2]).all()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
)
ARRAYS = hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_side=3))
TENSORS = hnp.arrays(
    st.sampled_from(["f4", "f8", "i8", "u1", "?", "c8"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
).map(torch.tensor)
SAMPLES = st.recursive(
    SCALARS | ARRAYS | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Record, inner, st.integers())
        | st.builds(Plain, inner)
    ),
    max_leaves=8,
)


@given(SAMPLES)
def test_copy_of_any_sample_has_the_same_digest(sample):
    assert fingerprint(copy.deepcopy(sample)) == fingerprint(sample)


@given(SAMPLES, SAMPLES)
def test_different_samples_of_any_kind_have_different_digests(one, other):
    # repr distinguishes all scalars, NaNs and signed zeros included.
    if describe(one) != describe(other):
        assert fingerprint(one) != fingerprint(other)


def describe(sample):
    """Return a description of a sample, independent of how fingerprint walks."""
    if isinstance(sample, torch.Tensor):
        return ("tensor", describe(sample.numpy()))
    if isinstance(sample, np.ndarray):
        return ("array", sample.dtype.str, sample.shape, sample.tobytes())
    if isinstance(sample, (Record, Plain)):
        return (type(sample), describe(vars(sample)))
    if isinstance(sample, dict):
        return {key: describe(value) for key, value in sample.items()}
    if isinstance(sample, (list, tuple)):
        return (type(sample), [describe(item) for item in sample])
    return (type(sample), repr(sample))


# A sparse hash -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray])
def test_sparse_hash_differs_for_every_sample_of_a_batch(kind):
    batch = np.zeros((256, 3, 32, 32), np.float32)
    digests = [fingerprint(kind(batch), sparse=True)]
    for number in range(len(batch)):
        batch[number] += 1
        digests.append(fingerprint(kind(batch), sparse=True))
        batch[number] -= 1
    assert len(set(digests)) == 257
    assert fingerprint(kind(batch), sparse=True) == digests[0]


def test_sparse_hash_reads_every_byte_of_a_small_array():
    small = np.zeros(2**16, np.uint8)
    one = fingerprint(small, sparse=True)
    assert one == fingerprint(small)
    for place in (0, 100, 2**16 - 1):
        small[place] = 1
        assert fingerprint(small, sparse=True) != one
        small[place] = 0


def test_sparse_hash_reads_few_pieces_of_a_large_array():
    large = np.zeros(2**20, np.uint8)
    one, other = fingerprint(large, sparse=True), fingerprint(large)
    large[100] = 1
    assert fingerprint(large, sparse=True) == one
    assert fingerprint(large) != other
