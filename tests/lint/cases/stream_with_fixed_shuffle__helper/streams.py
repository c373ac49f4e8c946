import random

from torch.utils.data import IterableDataset
from workers import describe, enter_worker


class Recordings(IterableDataset):
    """A helper gets the stream and sets the seed."""

    def __init__(self, files, first_seed=7):
        self.files = files
        self.first_seed = first_seed
        self.order_seed = None

    def __iter__(self):
        enter_worker(self)
        files = list(self.files)
        random.Random(self.order_seed).shuffle(files)
        yield from files


class Described(IterableDataset):
    """This helper only reads the stream."""

    def __init__(self, files, first_seed=7):
        self.files = files
        self.first_seed = first_seed
        self.order_seed = first_seed

    def __iter__(self):
        print(describe(self))
        files = list(self.files)
        random.Random(self.order_seed).shuffle(files)  # found: stream-with-fixed-shuffle
        yield from files
