import dejabatch
import numpy as np
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return self.images[index] + self.rng.normal()


class InAnotherLoader(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng(0)  # found: rng-object-on-dataset

    def __getitem__(self, index):
        return self.images[index] + self.rng.normal()


def make_loaders(images):
    return (
        DataLoader(Noisy(images), num_workers=2, worker_init_fn=dejabatch.seed_worker),
        DataLoader(InAnotherLoader(images), num_workers=2),
    )
