"""Endless loaders whose epochs arrive in time."""

import itertools

import torch
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs


class SetsItsEpoch:
    def __init__(self, batch_sampler):
        self.batch_sampler = batch_sampler

    def __iter__(self):
        epoch = 0
        while True:
            self.batch_sampler.sampler.set_epoch(epoch)
            yield from self.batch_sampler
            epoch += 1


class CountsItsPasses:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from self.sampler
            self.sampler.epoch += 1


class DrawsItself:
    """Has no epoch."""

    def __init__(self, size):
        self.size = size

    def __iter__(self):
        while True:
            yield from torch.randperm(self.size).tolist()


class Repeats:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from self.sampler


class Three:
    """Repeat a sampler three times."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        for _ in itertools.repeat(None, 3):
            yield from self.sampler


class EndlessLoader(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        batches = SetsItsEpoch(self.batch_sampler)
        object.__setattr__(self, "batch_sampler", batches)
        self.iterator = super().__iter__()


class EndlessPasses(DataLoader):
    """Start a pass when its first batch is requested, which is after `set_epoch`."""

    def __iter__(self):
        while True:
            yield from super().__iter__()


class LoaderOfOneEpoch(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", Repeats(self.batch_sampler))
        self.iterator = super().__iter__()


class LoaderWithoutWorkers(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", Repeats(self.batch_sampler))
        self.iterator = super().__iter__()


class LoaderWithoutEnd(DataLoader):
    """Has a new iterator for each loop."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", Repeats(self.batch_sampler))


def train(model):
    sampler = DistributedSampler(photographs)
    counting = DataLoader(photographs, sampler=CountsItsPasses(sampler), num_workers=4)
    drawing = DataLoader(photographs, sampler=DrawsItself(1000), num_workers=4)
    no_workers = DataLoader(photographs, sampler=Repeats(sampler))
    started_anew = DataLoader(photographs, sampler=Repeats(sampler), num_workers=4)
    in_process = LoaderWithoutWorkers(photographs, sampler=sampler, num_workers=0)
    passes = iter(EndlessPasses(photographs, sampler=sampler, num_workers=4))
    without_end = LoaderWithoutEnd(photographs, sampler=sampler, num_workers=4)
    thrice = iter(DataLoader(photographs, sampler=Three(sampler), num_workers=4))
    counted, drawn = iter(counting), iter(drawing)
    alone = iter(no_workers)
    for epoch in range(90):
        sampler.set_epoch(epoch)
        loader = LoaderOfOneEpoch(photographs, sampler=sampler, num_workers=4)
        batches = iter(started_anew)
        for _ in range(1000):
            model.step(next(batches), next(passes), next(counted), next(drawn))
            model.step(next(alone), next(loader.iterator), next(in_process.iterator))
            model.step(next(thrice))
        for step, images in enumerate(without_end):
            model.step(images)
            if step == 1000:
                break
