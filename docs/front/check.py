"""Audit a loader that has a failure."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class RandomCrops(Dataset):
    """Crop stored images at random."""

    def __init__(self):
        self.images = torch.rand(64, 3, 40, 40)
        self.rng = np.random.default_rng()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        top, left = self.rng.integers(9, size=2)
        return self.images[index, :, top : top + 32, left : left + 32]


def make_train_loader():
    """Make the loader for training."""
    return DataLoader(RandomCrops(), batch_size=8, shuffle=True, num_workers=4)


if __name__ == "__main__":
    import dejabatch

    print(dejabatch.audit(make_train_loader))
