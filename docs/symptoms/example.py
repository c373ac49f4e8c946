"""Ask a healthy loader all questions."""

import torch
from ask import ask
from torch.utils.data import DataLoader, Dataset


class NoisyImages(Dataset):
    """Add noise to stored images."""

    def __init__(self):
        self.images = torch.rand(64, 3, 8, 8)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index] + 0.1 * torch.randn(3, 8, 8)


if __name__ == "__main__":
    ask(DataLoader(NoisyImages(), batch_size=8, shuffle=True, num_workers=2))
