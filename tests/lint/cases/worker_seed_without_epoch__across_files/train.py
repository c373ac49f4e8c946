from torch.utils.data import DataLoader

from . import data


def make_loader(dataset):
    return DataLoader(dataset, num_workers=4, worker_init_fn=data.seed_worker)
