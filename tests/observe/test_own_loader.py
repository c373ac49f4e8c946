"""A loader that is not PyTorch's is traced while it shuffles."""

import random

import pytest

from dejabatch.observe.experiments.own_loader import ask_own_loader


class Rows:
    def __iter__(self):
        rows = list(range(12))
        self.generator().shuffle(rows)
        yield from rows

    def generator(self):
        return random.Random(0)


class OneGenerator(Rows):
    def __init__(self):
        self.rng = random.Random(0)

    def generator(self):
        return self.rng


class KnowsEpoch(Rows):
    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch


class CountsEpochs(Rows):
    def __init__(self):
        self.epoch = 0


@pytest.mark.parametrize(
    ("loader", "places"),
    [
        (Rows, ("Rows.generator",)),
        (OneGenerator, ()),
        (KnowsEpoch, ()),
        (CountsEpochs, ()),
    ],
)
def test_functions_that_seed_in_each_epoch_are_found(loader, places):
    answers = ask_own_loader(loader, max_batches=12, time_limit=60)
    assert answers.seeding_places == places
