import itertools

from torch.utils.data import IterableDataset, get_worker_info


class Split(IterableDataset):
    def __init__(self, source, rank=0, world_size=1):
        self.source, self.rank, self.world_size = source, rank, world_size

    def __iter__(self):
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        part = self.rank * workers + worker
        parts = self.world_size * workers
        return itertools.islice(iter(self.source), part, None, parts)
