import torch
from torch.utils.data import Dataset, random_split


class Transformed(Dataset):
    def __init__(self, samples, transform):
        self.samples, self.transform = samples, transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        sample, label = self.samples[index]
        return self.transform(sample), label


def split(dataset, lengths, train_transform, val_transform, seed=0):
    train, val = random_split(dataset, lengths, torch.Generator().manual_seed(seed))
    return Transformed(train, train_transform), Transformed(val, val_transform)
