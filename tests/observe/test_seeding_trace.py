"""The functions that seed are those whose seeding lines run."""

import random

import numpy as np
import pytest

from dejabatch.observe.experiments.seeding_trace import seeding_functions


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
