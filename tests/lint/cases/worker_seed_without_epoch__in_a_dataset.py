import random

import numpy as np
from torch.utils.data import Dataset, get_worker_info


class Flow(Dataset):
    """The first sample of each worker seeds the worker."""

    def __init__(self, images):
        self.images = images
        self.is_seeded = False

    def __getitem__(self, index):
        if not self.is_seeded:
            info = get_worker_info()
            if info is not None:
                np.random.seed(info.id)  # found: worker-seed-without-epoch
                random.seed(17 + info.id)  # found: worker-seed-without-epoch
                self.is_seeded = True
        return self.images[index] + np.random.rand()


class ByTheSeedOfTheWorker(Dataset):
    def __getitem__(self, index):
        np.random.seed((get_worker_info().seed + index) % 2**32)
        return self.images[index] + np.random.rand()
