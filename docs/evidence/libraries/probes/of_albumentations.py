"""Probes of albumentations and of AlbumentationsX in workers."""

import functools

import albumentations
import numpy as np
from behaviour import behaviour
from two_workers import Drawn, alike_in_epochs, alike_in_workers, two_epochs


class Crop:
    """Crop an image at a random place."""

    def __init__(self):
        random = np.random.default_rng(0)
        self.image = random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        self.compose = albumentations.Compose([albumentations.RandomCrop(16, 16)])

    def __call__(self):
        return self.compose(image=self.image)["image"]


@functools.cache
def read():
    """Return two epochs of crops of one image."""
    return two_epochs(Drawn(Crop()))


@behaviour("library-holds-its-own-rng")
def albumentations_is_equal_in_workers():
    """All workers crop an image at the same places."""
    return alike_in_workers(read())


@behaviour("library-holds-its-own-rng")
def albumentations_is_equal_in_epochs():
    """Every epoch crops an image at the same places."""
    return alike_in_epochs(read())
