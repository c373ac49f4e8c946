import numpy as np
from torch.utils.data import Sampler


class ResumableSampler(Sampler):
    def __init__(self, length, seed):
        self.length, self.seed, self.epoch, self.start = length, seed, 0, {}

    def resume(self, epoch, done):  # done: samples of this epoch trained on
        self.epoch, self.start = epoch, {epoch: done}

    def set_epoch(self, epoch):  # call before each epoch
        self.epoch = epoch

    def __iter__(self):
        rng = np.random.default_rng([self.seed, self.epoch])
        yield from rng.permutation(self.length)[self.length - len(self) :].tolist()

    def __len__(self):
        return self.length - self.start.get(self.epoch, 0)
