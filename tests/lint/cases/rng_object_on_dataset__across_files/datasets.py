import random

import numpy as np
from torch.utils.data import Dataset, IterableDataset

from noise import Noise, RandomFlip

RNG = random.Random(0)  # found: rng-object-on-dataset


class Photographs(Noise, Dataset):
    def __init__(self, images, seed):
        super().__init__(seed)
        self.images = images
        self.flip = RandomFlip(random_state=np.random.RandomState(seed))  # found: rng-object-on-dataset

    def __getitem__(self, index):
        return self.flip(self.add_noise(self.images[index]))


class Stream(IterableDataset):
    def __init__(self, items):
        self.items = items
        self._make_generator()

    def _make_generator(self):
        self.generator = np.random.default_rng()  # found: rng-object-on-dataset

    def __iter__(self):
        for item in self.items:
            yield item + self.generator.normal()


class Captions(Dataset):
    def __getitem__(self, index):
        return RNG.choice(self.captions[index])


class Base(Dataset):
    """The program joins `Base` and `Sampling` when it starts."""

    def __init__(self, images):
        self.images = images
        self.color_rng = np.random.RandomState(123)  # found: rng-object-on-dataset


class Sampling(Dataset):
    def __getitem__(self, index):
        return self.images[index] * self.color_rng.rand()


class OrderOnly(Dataset):
    def __init__(self, images):
        self.rng = np.random.default_rng(0)
        self.images = self.rng.permutation(images)

    def __getitem__(self, index):
        return self.images[index]


class Reseeded(Dataset):
    def __init__(self, images):
        self.images = images
        self.worker_rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return self.images[index] + self.worker_rng.normal()
