import numpy as np
from monai.data import ThreadDataLoader
from torch.utils.data import Dataset


class InThreads(Dataset):
    """The threads of the loader share the generator."""

    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng()

    def __getitem__(self, index):
        return self.images[index] + self.rng.normal()


class InProcesses(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng()  # found: rng-object-on-dataset

    def __getitem__(self, index):
        return self.images[index] + self.rng.normal()


def make_loaders(images):
    threads = ThreadDataLoader(
        InThreads(images), num_workers=4, use_thread_workers=True
    )
    return threads, ThreadDataLoader(InProcesses(images), num_workers=4)
