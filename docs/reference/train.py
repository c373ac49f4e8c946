"""Train on noisy numbers."""

import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    """Add noise from a generator on the dataset to each index."""

    def __init__(self):
        self.rng = torch.Generator().manual_seed(0)

    def __len__(self):
        return 32

    def __getitem__(self, index):
        return index + torch.rand((), generator=self.rng)


def make_loader():
    """Make the loader for training."""
    return DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=2)


if __name__ == "__main__":
    loader = make_loader()
    for _ in range(100):
        batch = next(iter(loader))
