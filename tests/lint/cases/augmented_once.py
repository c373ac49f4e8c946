import random

import numpy as np
import torch
from torch.utils.data import Dataset


class Rotated(Dataset):
    def __init__(self, images, draw_angle=lambda: random.uniform(-10, 10)):
        self.images = images
        self.draw_angle = draw_angle

    def __getitem__(self, index, angle=random.uniform(-10, 10)):  # found: augmented-once
        return self.rotate(self.images[index], angle)


class Shift:
    def __call__(
        self,
        image,
        *,
        by=2 * np.random.randint(4),  # found: augmented-once
    ):
        return np.roll(image, by)


def noisy(image, noise=torch.randn(3)):  # found: augmented-once
    return image + noise


def flipped(image, p=0.5, rng=None):
    rng = rng or random.Random()
    return image[::-1] if rng.random() < p else image


def shuffled(items, rng=np.random.default_rng(0)):
    """The default is a generator, not a draw."""
    return rng.permutation(items)
