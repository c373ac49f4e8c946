"""Loaders that keep their workers by an endless sampler, as several projects do."""

import itertools

from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs


class RepeatSampler:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


class MultiEpochsLoader(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._DataLoader__initialized = False
        self.batch_sampler = RepeatSampler(self.batch_sampler)  # found: epoch-arrives-late
        self._DataLoader__initialized = True
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)


class Forever:
    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        for _ in itertools.repeat(None):
            for batch in self.batches:
                yield batch


class InfiniteLoader(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        batches = Forever(self.batch_sampler)  # found: epoch-arrives-late
        object.__setattr__(self, "batch_sampler", batches)
        self.iterator = self._get_iterator()

    def __iter__(self):
        for _ in range(1000):
            yield next(self.iterator)


def train(model, workers, sampler=None):
    sampler = DistributedSampler(photographs)
    loader = MultiEpochsLoader(photographs, sampler=sampler, num_workers=workers)
    endless = DataLoader(
        photographs,
        sampler=RepeatSampler(sampler),  # found: epoch-arrives-late
        num_workers=4,
    )
    batches = iter(endless)
    for epoch in range(90):
        loader.sampler.set_epoch(epoch)
        for images in loader:
            model.step(images)
        for _ in range(1000):
            model.step(next(batches))
