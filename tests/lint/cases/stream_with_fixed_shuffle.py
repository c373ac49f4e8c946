import itertools
import random

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info


class Shards(IterableDataset):
    def __init__(self, shards, seed=0):
        self.shards = shards
        self.seed = seed

    def __iter__(self):
        shards = list(self.shards)
        random.Random(self.seed).shuffle(shards)  # found: stream-with-fixed-shuffle
        yield from shards


class PerWorker(IterableDataset):
    def __iter__(self):
        worker = get_worker_info().id
        rng = np.random.default_rng([42, worker])  # found: stream-with-fixed-shuffle
        yield from rng.permutation(self.items)


class WithEpoch(IterableDataset):
    def __init__(self, shards, seed=0):
        self.shards = shards
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        shards = list(self.shards)
        random.Random(self.seed + self.epoch).shuffle(shards)
        yield from shards


class FromTheWorker(IterableDataset):
    def __iter__(self):
        rng = np.random.default_rng(get_worker_info().seed)
        yield from rng.permutation(self.items)


class Endless(IterableDataset):
    """One pass has no end, so the seed is used once."""

    def __iter__(self):
        rng = random.Random(0)
        while True:
            yield rng.choice(self.items)


class Counted(IterableDataset):
    def __iter__(self):
        rng = random.Random(0)
        for number in itertools.count():
            yield number + rng.random()
