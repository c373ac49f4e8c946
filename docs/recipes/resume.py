import numpy as np
from torch.utils.data import Sampler


class ResumableSampler(Sampler):
    def __init__(self, length, seed):
        self.length, self.seed = length, seed
        self.set_epoch(0)

    def set_epoch(self, epoch, done=0):  # done: samples already trained on
        self.epoch, self.done = epoch, done

    def __iter__(self):
        rng = np.random.default_rng([self.seed, self.epoch])
        yield from rng.permutation(self.length)[self.done :].tolist()

    def __len__(self):
        return self.length - self.done
