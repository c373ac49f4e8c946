import random

import numpy as np
import torch
from torch.utils.data import Dataset

SEED = 17


def set_all_seeds(seed):
    random.seed(seed)
    np.random.seed(seed)


class Pairs(Dataset):
    def __getitem__(self, index):
        torch.manual_seed(SEED)  # found: reseed-in-getitem
        image = self.crop(self.images[index])
        torch.manual_seed(SEED)  # found: reseed-in-getitem
        return image, self.crop(self.masks[index])


class WithAHelper(Dataset):
    def __init__(self, images, seed):
        self.images = images
        self.seed = seed

    def __getitem__(self, index):
        set_all_seeds(self.seed)  # found: reseed-in-getitem
        return self.images[index] + random.random()


class OneAugmentationPerIndex(Dataset):
    def __getitem__(self, index):
        random.seed(index)  # found: reseed-in-getitem
        return self.images[index] + random.random()


class RandomShift:
    def __call__(self, image):
        np.random.seed(0)  # found: reseed-in-getitem
        return np.roll(image, np.random.randint(4))


class JointCrop(Dataset):
    """The seed of the pair is drawn for each sample."""

    def __getitem__(self, index):
        seed = np.random.randint(2**31)
        random.seed(seed)
        image = self.crop(self.images[index])
        random.seed(seed)
        return image, self.crop(self.masks[index])


class WithEpoch(Dataset):
    def __getitem__(self, index):
        random.seed(1000 * self.epoch + index)
        return self.images[index] + random.random()


class FixedForValidation(Dataset):
    def __getitem__(self, index):
        if self.split == "validation":
            random.seed(index)
        return self.images[index] + random.random()


class SplitOnce(Dataset):
    def __init__(self, images):
        random.seed(0)
        self.images = random.sample(images, len(images))

    def __getitem__(self, index):
        return self.images[index]


class OrderFromOutside(Dataset):
    """A training loop changes the seed between epochs."""

    def __init__(self, images):
        self.images = images
        self.seed = 0

    def start_epoch(self, number):
        self.seed = number

    def __getitem__(self, index):
        random.seed(self.seed)
        return self.images[index] + random.random()


class FixedForValidationByAHelper(Dataset):
    def __getitem__(self, index):
        return self.images[index] + self.draw()

    def draw(self):
        if not self.is_train:
            random.seed(1991)
        return random.random()


class OrderedInTheWorker(Dataset):
    """Each worker seeds once and then draws on."""

    def __init__(self, images):
        self.images = images
        self.ready = False

    def __getitem__(self, index):
        if not self.ready:
            np.random.seed(index)
            self.ready = True
        return self.images[index] + np.random.rand()


class SeededWhileReady(Dataset):
    """The flag that guards the seed is set elsewhere."""

    def __init__(self, images, ready):
        self.images = images
        self.ready = ready

    def __getitem__(self, index):
        if self.ready:
            np.random.seed(index)  # found: reseed-in-getitem
            self.last = index
        return self.images[index] + np.random.rand()
