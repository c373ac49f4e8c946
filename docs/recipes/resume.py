from itertools import islice

from torch.utils.data import Sampler


class ResumableSampler(Sampler):
    def __init__(self, sampler):  # a DistributedSampler, on one process, too
        self.sampler, self.start = sampler, {}

    def resume(self, epoch, done):  # done: samples of this epoch trained on
        self.start, self.sampler.epoch = {epoch: done}, epoch

    def set_epoch(self, epoch):  # call before each epoch
        self.sampler.epoch = epoch

    def __iter__(self):
        return islice(self.sampler, self.start.get(self.sampler.epoch, 0), None)

    def __len__(self):  # of a whole epoch, as trainers expect
        return len(self.sampler)
