import numpy as np
import torch
from torch.utils.data import Dataset


class PerSample(Dataset):
    def __init__(self, samples, augment, seed):
        self.samples, self.augment, self.seed = samples, augment, seed
        self.epoch = torch.tensor(0).share_memory_()  # workers see changes

    def set_epoch(self, epoch):  # call before each epoch
        self.epoch.fill_(epoch)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, int(self.epoch), index])
        return self.augment(self.samples[index], rng)
