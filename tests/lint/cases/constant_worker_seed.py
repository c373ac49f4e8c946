import os
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from project.data import photographs


def seed_numpy(worker_id):
    np.random.seed(42)  # found: constant-worker-seed


def seed_python(worker_id):
    seed = 3
    random.seed(a=seed)  # found: constant-worker-seed


train = DataLoader(photographs, num_workers=4, worker_init_fn=seed_numpy)
validation = DataLoader(photographs, num_workers=4, worker_init_fn=seed_python)
test = DataLoader(
    photographs,
    num_workers=4,
    worker_init_fn=lambda _: torch.manual_seed(0),  # found: constant-worker-seed
)


def seed_this_process():
    np.random.seed(42)
    random.seed(42)


def seed_from_worker_info(worker_id):
    np.random.seed(get_worker_info().seed % 2**32)


def draw_seed():
    return int.from_bytes(os.urandom(4))


def seed_from_the_system(worker_id):
    random.seed(draw_seed())


seeded_by_system = DataLoader(photographs, worker_init_fn=seed_from_the_system)
seeded_by_torch = DataLoader(photographs, worker_init_fn=seed_from_worker_info)


def make_model():
    def init():
        np.random.seed(0)

    init()
    return torch.nn.Linear(3, 1)


def make_quiet_loader():
    def init(worker_id):
        torch.set_num_threads(1)

    return DataLoader(photographs, num_workers=4, worker_init_fn=init)


def make_head():
    def init():
        np.random.seed(0)

    init()
    return torch.nn.Linear(8, 1)
