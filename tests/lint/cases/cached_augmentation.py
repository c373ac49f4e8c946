import functools
import random
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset


class Photographs(Dataset):
    def __init__(self, paths, transform):
        self.paths = paths
        self.transform = transform

    def __len__(self):
        return len(self.paths)

    @functools.lru_cache(maxsize=None)  # found: cached-augmentation
    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]))


class PhotographsInMemory(Dataset):
    def __init__(self, paths, transform):
        self.paths = paths
        self.transform = transform

    @functools.lru_cache
    def load(self, index):
        return Image.open(self.paths[index])

    def __getitem__(self, index):
        return self.transform(self.load(index))


class Crops(Dataset):
    @lru_cache  # found: cached-augmentation
    def __getitem__(self, index):
        return self.image.crop_box(random.randrange(8))


@functools.cache  # found: cached-augmentation
def noise(index):
    return torch.randn(3)


class Noisy(Dataset):
    def __getitem__(self, index):
        return self.images[index] + noise(index)


@functools.cache
def layout_of_the_figure(name):
    """No dataset calls the function."""
    return np.random.normal(size=2)


@functools.cache
def weights(size):
    return torch.ones(size) / size


def jitter(image):
    return image + torch.randn_like(image)
