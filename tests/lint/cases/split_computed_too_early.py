import itertools

import torch.utils.data
from torch.utils.data import IterableDataset, get_worker_info


class Lines(IterableDataset):
    def __init__(self, path):
        self.path = path
        self.worker = get_worker_info()  # found: split-computed-too-early

    def __iter__(self):
        with open(self.path) as lines:
            yield from itertools.islice(
                lines, self.worker.id, None, self.worker.num_workers
            )


class Shards(torch.utils.data.IterableDataset):
    def __init__(self, shards):
        self.shards = shards
        self.id = torch.utils.data.get_worker_info().id  # found: split-computed-too-early

    def __iter__(self):
        yield from self.shards[self.id]


class SplitInTheWorker(IterableDataset):
    def __init__(self, path):
        self.path = path

    def __iter__(self):
        worker = get_worker_info()
        with open(self.path) as lines:
            yield from itertools.islice(lines, worker.id, None, worker.num_workers)


class Writer:
    """Made in the worker; not a dataset."""

    def __init__(self):
        self.worker = get_worker_info()
