import numpy as np
from torch.utils.data import Dataset


class Slides(Dataset):
    """The worker_init_fn calls the method that seeds."""

    def __init__(self, paths):
        self.paths = paths
        self.picker = np.random.RandomState()
        self.take_seed(0)

    def take_seed(self, seed):
        self.picker.seed(seed)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.paths[index] + self.picker.rand()


class Films(Dataset):
    """No worker calls the method that seeds."""

    def __init__(self, paths):
        self.paths = paths
        self.picker = np.random.RandomState()  # found: rng-object-on-dataset
        self.begin(0)

    def begin(self, seed):
        self.picker.seed(seed)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.paths[index] + self.picker.rand()
