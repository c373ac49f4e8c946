import numpy as np
from torch.utils.data import DataLoader, get_worker_info

from datasets import Reseeded
from project.data import images


def seed_worker(worker_id):
    info = get_worker_info()
    info.dataset.worker_rng = np.random.default_rng(info.seed)


loader = DataLoader(Reseeded(images), num_workers=4, worker_init_fn=seed_worker)
