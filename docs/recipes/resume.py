import numpy as np
from torch.utils.data import Sampler


class ResumableSampler(Sampler):
    def __init__(self, length, seed):
        self.length, self.seed = length, seed
        self.resume(0, 0)

    def resume(self, epoch, done):  # done: samples of this epoch trained on
        self.epoch = self.first_epoch = epoch
        self.done = done

    def set_epoch(self, epoch):  # call before each epoch
        self.epoch = epoch

    def __iter__(self):
        rng = np.random.default_rng([self.seed, self.epoch])
        yield from rng.permutation(self.length)[self.skipped() :].tolist()

    def skipped(self):
        return self.done if self.epoch == self.first_epoch else 0

    def __len__(self):
        return self.length - self.skipped()
