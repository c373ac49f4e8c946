"""Samples that are made again tell what they draw from."""

import importlib
import random
import sys
import time

import numpy as np
import pytest

from dejabatch.observe.experiments.trials import Samples, Step


class Draws:
    def __getitem__(self, index):
        return random.random()


class DrawsFromItsOwn:
    def __init__(self):
        self.rng = np.random.default_rng(1)

    def __getitem__(self, index):
        return self.rng.random()


class MakesAGenerator:
    def __getitem__(self, index):
        self.rng = np.random.default_rng(1)
        return index


class DrawsFromABuffer:
    """Draw from the samples that were made last, as a mosaic does."""

    def __init__(self, draw):
        self.buffer = list(range(8))
        self.draw = draw

    def __getitem__(self, index):
        self.buffer = [*self.buffer, index][-8:]
        return self.draw(self.buffer)


class Counts:
    def __getitem__(self, index):
        return index


CASES = {
    Draws(): True,
    DrawsFromItsOwn(): True,
    MakesAGenerator(): True,
    Counts(): False,
}


@pytest.mark.parametrize(
    ("dataset", "draws"), CASES.items(), ids=lambda value: type(value).__name__
)
def test_sample_that_draws_is_told_from_one_that_does_not(dataset, draws, monkeypatch):
    # OpenCV's generator does not show whether a sample has drawn from it.
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    deadline = time.monotonic() + 60
    samples = Samples(dataset, list, batched=True, deadline=deadline)
    assert samples.trial(Step(0)).draws == draws


@pytest.mark.parametrize(
    ("draw", "depends_on"), [(sum, ()), (random.choice, ("random",))]
)
def test_buffer_of_earlier_samples_is_no_generator(draw, depends_on):
    importlib.import_module("cv2")
    deadline = time.monotonic() + 60
    samples = Samples(DrawsFromABuffer(draw), list, batched=True, deadline=deadline)
    assert samples.depends_on([0, 1], most=8) == depends_on
