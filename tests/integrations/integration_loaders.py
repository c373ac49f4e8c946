"""Loaders for the trainers of frameworks, and the model that they train."""

import torch
from torch.utils.data import DataLoader, Dataset

FEATURES = 3


class Rows(Dataset):
    """Twelve samples with noise, which differ in every epoch."""

    def __init__(self):
        self.rows = torch.arange(12.0 * FEATURES).reshape(12, FEATURES)

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return {"x": self.rows[index] + torch.rand(FEATURES), "labels": torch.zeros(1)}


class Edited(Rows):
    """Each sample changes what is stored, so that one sample more changes a loss."""

    def __getitem__(self, index):
        self.rows[index] *= 0.9
        return super().__getitem__(index)


class Locked(Rows):
    """Holds a connection, which no other process can use."""

    def __init__(self, connection):
        super().__init__()
        self.connection = connection


def load(dataset):
    return DataLoader(dataset, batch_size=4, shuffle=True)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(FEATURES, 1)

    def forward(self, x, labels):
        return {"loss": ((self.layer(x / 100) - labels) ** 2).mean()}
