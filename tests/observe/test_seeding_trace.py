"""The functions that seed are those whose seeding lines run."""

import random

import numpy as np
import pytest
import torch

from dejabatch.observe.experiments.seeding_trace import (
    local_generators,
    same_states,
    seeding_functions,
)


def makes():
    rng = np.random.default_rng(0)
    yield rng.random()


def seeds():
    random.seed(3)
    return random.random()


def makes_if(asked):
    if asked:
        random.Random(0)
    return asked


class Reads:
    seed = 3

    def __call__(self):
        seed = self.seed
        if seed is None:
            random.seed(seed)
        return seed


@pytest.mark.parametrize(
    ("run", "names"),
    [
        (lambda: list(makes()), ("makes",)),
        (seeds, ("seeds",)),
        (lambda: makes_if(True), ("makes_if",)),
        (lambda: makes_if(False), ()),
        (Reads(), ()),
    ],
)
def test_functions_that_seed_are_named(run, names):
    assert seeding_functions(run)[1] == names


def shuffles():
    rng = random.Random(0)
    order = [1, 2, 3]
    rng.shuffle(order)
    return order


@pytest.mark.parametrize(("run", "names"), [(shuffles, ("shuffles",)), (seeds, ())])
def test_functions_that_seed_to_shuffle_are_named(run, names):
    assert seeding_functions(run, to_shuffle=True)[1] == names


class Draws:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def stored(self):
        rng = np.random.default_rng(1) if self.rng is None else self.rng
        return rng.random()

    def constant(self):
        generator = torch.Generator().manual_seed(0)
        return torch.rand(1, generator=generator)

    def constant_without_a_name(self):
        return np.random.RandomState(42).random()

    def of_another_size(self):
        rng = np.random.default_rng(7)
        return rng.random(self.rng.integers(1, 50))

    def new(self):
        rng = random.Random(random.getrandbits(64))
        return rng.random()


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("constant", True),
        ("constant_without_a_name", True),
        ("of_another_size", True),
        ("new", False),
    ],
)
def test_generators_that_a_function_makes_are_compared(name, alike):
    draws = Draws()
    one, other = (local_generators(getattr(draws, name), [draws.rng]) for _ in range(2))
    assert {place.partition(":")[0] for place in one} == {f"Draws.{name}"}
    assert same_states(one, other).made_by == (f"Draws.{name}",) * alike


def test_generator_that_an_object_holds_is_not_made():
    draws = Draws()
    assert local_generators(draws.stored, [draws.rng]) == {}
