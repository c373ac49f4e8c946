"""Audit loaders that repeat on purpose."""

import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

import dejabatch
from dejabatch import Expect


class Noisy(Dataset):
    """Add noise to each index."""

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return index + torch.rand(2)


class Seeded(Noisy):
    """Add the same noise to an index in every epoch."""

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return index + torch.rand(2, generator=generator)


def seeded_run():
    """Seed the run, which makes every run alike."""
    torch.manual_seed(0)
    return DataLoader(Noisy(), batch_size=4, shuffle=True)


fixed = Expect(deterministic=True, fixed_order=True)
MEANT = {
    "a seeded run": (seeded_run, None),
    "validation": (DataLoader(Seeded(), batch_size=4), fixed),
    "one batch to overfit": (
        DataLoader(Subset(Noisy(), [0, 1, 2, 3] * 4), batch_size=4),
        Expect(repeats=True),
    ),
    "four passes in one epoch": (
        DataLoader(ConcatDataset([TensorDataset(torch.rand(8, 2))] * 4), shuffle=True),
        Expect(repeats=True),
    ),
    "rare classes drawn often": (
        DataLoader(Noisy(), sampler=[0, 0, 0, 1, 2, 3]),
        Expect(replacement=True, fixed_order=True),
    ),
}

if __name__ == "__main__":
    for name, (loader, expect) in MEANT.items():
        report = dejabatch.audit(loader, expect=expect)
        assert report.ok, report
        print(f"{name}: {report.verdict}")
