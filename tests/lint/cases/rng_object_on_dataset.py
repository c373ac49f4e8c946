import random

import numpy as np
import torch
from torch.utils.data import Dataset


class Noisy(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng(0)  # found: rng-object-on-dataset

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index] + self.rng.normal(size=3)


class Flipped(torch.utils.data.Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = random.Random()  # found: rng-object-on-dataset

    def __getitem__(self, index):
        return self.flip(self.images[index])

    def flip(self, image):
        return image[:, ::-1] if self.rng.random() < 0.5 else image


class Masked(Dataset):
    def __init__(self, tokens):
        self.tokens = tokens
        self.generator = torch.Generator().manual_seed(0)  # found: rng-object-on-dataset

    def __getitem__(self, index):
        tokens = self.tokens[index]
        return tokens * (torch.rand(tokens.shape, generator=self.generator) > 0.15)


class WithLegacyGenerators(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.Generator(np.random.PCG64(0))  # found: rng-object-on-dataset
        self.legacy = np.random.RandomState(0)  # found: rng-object-on-dataset

    def __getitem__(self, index):
        return self.images[index] * self.rng.random() + self.legacy.rand()


class Shuffled(Dataset):
    """Draw the order once; the samples themselves are not random."""

    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng(0)
        self.order = self.rng.permutation(len(images))

    def __getitem__(self, index):
        return self.images[self.order[index]]


class SeededByIndex(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        self.rng = np.random.default_rng(index)
        return self.images[index] + self.rng.normal(size=3)


class Reorderable(Dataset):
    """A base class, whose order the training loop changes between epochs."""

    def __init__(self, order):
        self.order = order
        self.rng = np.random.default_rng(0)

    def reorder(self):
        self.rng.shuffle(self.order)


class Augmentation:
    """Not a dataset."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return self.rng.normal(size=index)
