from torch.utils.data import IterableDataset, get_worker_info


class Parts(IterableDataset):
    def __init__(self, items):
        self.items = items
        self._split()

    def _split(self):
        self.worker = get_worker_info()  # found: split-computed-too-early

    def __iter__(self):
        yield from self.items[self.worker.id :: self.worker.num_workers]


class Later(IterableDataset):
    """The helper of the constructor runs in the worker, too."""

    def __init__(self, items):
        self.items = items
        self._split()

    def _split(self):
        self.worker = get_worker_info()

    def __iter__(self):
        self._split()
        yield from self.items[self.worker.id :: self.worker.num_workers]
