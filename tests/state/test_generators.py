"""Generators are found wherever user code puts them, and digests do not draw from them."""

import collections
import functools
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dejabatch.state import GLOBAL_NAMES, generators

KINDS = {
    "numpy Generator": np.random.default_rng,
    "numpy RandomState": np.random.RandomState,
    "python Random": random.Random,
    "torch Generator": torch.Generator,
}
EVERY_KIND = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
module_level = np.random.default_rng(5)


def draw(generator):
    if isinstance(generator, torch.Generator):
        return torch.rand(4, generator=generator).tolist()
    return [generator.random() for _ in range(4)]


class Transform:
    def __init__(self, rng):
        self.rng = rng


class Slotted:
    __slots__ = ("never_filled", "rng")

    def __init__(self, rng):
        self.rng = rng


class OnClass:
    rng = None


class Locked:
    """An object that raises for every ordinary access to an attribute."""

    def __init__(self, rng):
        object.__setattr__(self, "rng", rng)

    def __getattribute__(self, name):
        raise RuntimeError(name)

    @property
    def trap(self):
        raise RuntimeError


class BadList(list):
    def __iter__(self):
        raise RuntimeError


class UsesModule:
    def __getitem__(self, index):
        return module_level.random() + index


def closure(rng):
    def transform(sample):
        return sample, rng.random()

    return transform


def on_class(rng):
    return type("Dataset", (OnClass,), {"rng": rng, "__module__": __name__})()


class Wrapper(Transform):
    def call(self):
        return self.rng


class Holds(torch.nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.rng = rng


def make_default(generator):
    def function(sample, rng=generator):
        return sample, rng

    return function


def make_keyword(generator):
    def function(sample, *, rng=generator):
        return sample, rng

    return function


PLACES = {
    "itself": (lambda r: r, "ds"),
    "attribute": (Transform, "ds.rng"),
    "slot": (Slotted, "ds.rng"),
    "class": (on_class, "type(ds).rng"),
    "list": (lambda r: Transform([1, [r]]), "ds.rng[1][0]"),
    "tuple": (lambda r: (0, r), "ds[1]"),
    "deque": (lambda r: collections.deque([r]), "ds[0]"),
    "dict": (lambda r: {"train": r}, "ds['train']"),
    "list subclass": (lambda r: BadList([r]), "ds[0]"),
    "nested": (lambda r: Transform([Transform(r)]), "ds.rng[0].rng"),
    "bound method": (lambda r: {"f": closure(r).__get__(3)}, "ds['f'].<rng>"),
    "method's object": (lambda r: Wrapper(r).call, "ds.__self__.rng"),
    "closure": (closure, "ds.<rng>"),
    "default": (make_default, "ds.__defaults__[0]"),
    "keyword default": (make_keyword, "ds.__kwdefaults__['rng']"),
    "partial": (lambda r: functools.partial(print, 1, end=r), "ds.keywords['end']"),
    "partial's function": (lambda r: functools.partial(closure(r)), "ds.func.<rng>"),
    "locked": (Locked, "ds.rng"),
    "module": (lambda r: torch.nn.Sequential(Holds(r)), "ds._modules['0'].rng"),
}


@EVERY_KIND
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_generator_is_found_by_its_path(make, place):
    hide, path = place
    generator = make()
    (found,) = generators.find({"ds": hide(generator)})
    assert found.rng is generator
    assert found.path == path


def test_module_global_named_by_a_method_is_found():
    (found,) = generators.find({"dataset": UsesModule()})
    assert found == generators.Found(f"{__name__}.module_level", module_level)


def test_each_generator_is_found_once_by_its_shortest_path():
    shared = np.random.default_rng(0)
    dataset = Transform([Transform(shared), np.random.Generator(shared.bit_generator)])
    dataset.shortcut = shared
    (found,) = generators.find({"dataset": dataset})
    assert found.path == "dataset.shortcut"


def test_global_generators_and_system_random_are_not_found():
    values = [np.random.mtrand._rand, random._inst, torch.default_generator]
    values += [random.SystemRandom(), torch, np.random, random]
    assert generators.find({"dataset": values}) == []


def test_ordinary_datasets_hold_no_generator():
    tensors = torch.utils.data.TensorDataset(torch.zeros(3))
    dataset = torch.utils.data.Subset(tensors, [0, 1])
    assert generators.find({"dataset": dataset, "collate_fn": torch.stack}) == []


def test_walk_ends_in_cycles_and_large_data():
    dataset = Transform(None)
    dataset.rng = [dataset, list(range(1_000_000)), np.zeros(10**6)]
    assert generators.find({"dataset": dataset}) == []


@EVERY_KIND
def test_digest_changes_with_every_draw(make):
    generator = make()
    before = generators.digest(generator)
    assert generators.digest(generator) == before  # hashing does not draw
    state = generators.get_state(generator)
    first = draw(generator)
    assert generators.digest(generator) != before
    generators.set_state(generator, state)
    assert generators.digest(generator) == before
    assert draw(generator) == first


def test_torch_seeds_equal_in_32_bits_have_one_digest():
    low, high = torch.Generator(), torch.Generator()
    low.manual_seed(7)
    high.manual_seed(7 + 2**32)
    assert not torch.equal(low.get_state(), high.get_state())
    assert generators.digest(low) == generators.digest(high)
    assert draw(low) == draw(high)


def test_module_functions_draw_from_the_global_generators():
    functions = {
        "random": random.random,
        "np.random": np.random.random,
        "torch": lambda: torch.rand(1),
    }
    global_rngs = generators.global_rngs()
    assert tuple(global_rngs)[:3] == GLOBAL_NAMES
    with generators.restored(global_rngs.values()):
        for name, function in functions.items():
            before = {n: generators.digest(g) for n, g in global_rngs.items()}
            function()
            after = {n: generators.digest(g) for n, g in global_rngs.items()}
            assert {n for n in before if before[n] != after[n]} == {name}


@EVERY_KIND
@given(entropy=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4))
def test_reseeded_generators_are_equal_exactly_if_their_seeds_are(make, entropy):
    one, other = make(), make()
    for generator in (one, other):
        generators.reseed(generator, np.random.SeedSequence(entropy))
    assert generators.digest(one) == generators.digest(other)
    assert draw(one) == draw(other)
    generators.reseed(one, np.random.SeedSequence([*entropy, 1]))
    generators.reseed(other, np.random.SeedSequence([*entropy, 2]))
    assert draw(one) != draw(other)


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_bit_generator_can_be_reseeded_and_restored(bits):
    generator = np.random.Generator(getattr(np.random, bits)())
    state, before = generators.get_state(generator), generators.digest(generator)
    generators.reseed(generator, np.random.SeedSequence(3))
    expected = np.random.Generator(
        getattr(np.random, bits)(np.random.SeedSequence(3))
    ).random()
    assert generator.random() == expected
    assert generators.digest(generator) != before
    generators.set_state(generator, state)
    assert generators.digest(generator) == before


@EVERY_KIND
def test_generators_are_restored_after_an_exception(make):
    generator = make()
    before = generators.digest(generator)

    def draw_and_fail():
        with generators.restored([generator]):
            draw(generator)
            raise KeyError

    with pytest.raises(KeyError):
        draw_and_fail()
    assert generators.digest(generator) == before


def test_stored_gaussian_is_part_of_the_state():
    for generator, gauss in (
        (np.random.RandomState(1), lambda g: g.standard_normal()),
        (random.Random(1), lambda g: g.gauss(0, 1)),
    ):
        with generators.restored([generator]):
            gauss(generator)  # draws two numbers and stores the second
            state = generators.get_state(generator)
            second = gauss(generator)
            generators.set_state(generator, state)
            assert gauss(generator) == second


def test_generator_behind_many_records_is_found():
    records = [{"boxes": [[1.0, 2.0]]} for _ in range(50_000)]
    dataset = Transform(records)
    dataset.transform = Transform(np.random.default_rng())
    (found,) = generators.find({"dataset": dataset})
    assert found.path == "dataset.transform.rng"


def test_all_generators_of_a_long_list_are_found():
    dataset = Transform([Transform(random.Random(i)) for i in range(500)])
    assert len(generators.find({"dataset": dataset})) == 500


def test_finder_tells_where_it_stopped():
    def nested(levels):
        return Transform([nested(levels - 1) for _ in range(30)] if levels else None)

    finder = generators.Finder({"dataset": nested(1)})
    assert finder.find() == []
    assert finder.stopped_at is None
    finder = generators.Finder({"dataset": nested(3)})
    finder.find()
    assert finder.stopped_at.startswith("dataset.rng[")


def test_finder_searches_many_objects_again_only_on_request():
    dataset = Transform([Transform(i) for i in range(120)])
    finder = generators.Finder({"dataset": dataset})
    assert finder.find() == []
    dataset.late = random.Random(0)
    assert finder.find() == []
    assert [one.path for one in finder.find(again=True)] == ["dataset.late"]


def test_numbas_generators_are_global_where_numba_is_imported():
    helpers = pytest.importorskip("numba._helperlib")
    numba = pytest.importorskip("numba")
    draw = numba.njit(np.random.random)
    found = generators.global_rngs()
    rng = found["numba.np.random"]
    assert isinstance(rng, generators.NumbaRandom)
    assert helpers.rnd_get_np_state_ptr() == generators.identity(rng)
    before = generators.digest(rng)
    with generators.restored([rng]):
        first = draw()
        assert generators.digest(rng) != before
    assert generators.digest(rng) == before
    assert draw() == first
    generators.reseed(rng, np.random.SeedSequence(1))
    seeded = draw()
    generators.reseed(rng, np.random.SeedSequence(1))
    assert draw() == seeded
