"""Samples of two makings resemble each other if they come from the same data."""

import numpy as np
import pytest

from dejabatch.observe.experiments.resemblance import resemble, shows_identity

IMAGES = list(np.random.default_rng(0).random((6, 12, 12)))


def augment(change, seed):
    """Return the images after a random change, as another making has them."""
    rng = np.random.default_rng(seed)
    return [change(image, rng).reshape(-1) for image in IMAGES]


def crop(image, rng):
    top, left = rng.integers(0, 5, 2)
    return image[top : top + 8, left : left + 8]


def flip(image, rng):
    return image[:, ::-1] if rng.random() < 0.5 else image


def scale(image, rng):
    return image * rng.uniform(0.5, 2)


def add_noise(image, rng):
    return image + rng.normal(size=image.shape) * 0.2


def draw(image, rng):
    return rng.random(image.shape)


@pytest.mark.parametrize("change", [crop, flip, scale, add_noise])
def test_augmented_images_resemble_themselves(change):
    assert resemble(augment(change, 1), augment(change, 2))


def test_samples_that_are_all_alike_resemble_themselves():
    rng = np.random.default_rng(3)
    ramps = [np.arange(20.0) + i for i in range(6)]
    masked = [[ramp * (rng.random(20) > 0.1) for ramp in ramps] for _ in range(2)]
    assert resemble(*masked)


def test_random_sequences_resemble_nothing_although_each_has_its_own_length():
    rng = np.random.default_rng(5)
    one, other = ([rng.random(10 + i) for i in range(6)] for _ in range(2))
    assert not resemble(one, other)


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        (IMAGES, True),
        ([np.arange(8.0)] * 6, False),
        ([np.ones(1) * i for i in range(6)], False),
    ],
    ids=["images", "one mask", "numbers"],
)
def test_only_a_part_of_its_own_shows_the_item_of_an_index(parts, shown):
    assert shows_identity(parts, parts) is shown


@pytest.mark.parametrize("seed", range(5))
def test_random_data_resemble_nothing(seed):
    assert not resemble(augment(draw, 10 + seed), augment(draw, 20 + seed))
