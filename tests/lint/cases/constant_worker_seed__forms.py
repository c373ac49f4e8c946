import random
import time
from functools import partial

import numpy as np
from torch.utils.data import DataLoader

from project.data import args, photographs

SEED = 17


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)


def from_the_clock(worker_id):
    np.random.seed(int(time.time()))  # found: constant-worker-seed


def with_rank(worker_id, rank, seed):
    worker_seed = rank + seed
    np.random.seed(worker_seed)  # found: constant-worker-seed


def fill(worker_id, seeds=[]):
    """The list is filled elsewhere."""
    seeds = []
    seeds.append(worker_id)
    np.random.seed(seeds)


named = DataLoader(photographs, num_workers=2, worker_init_fn=lambda _: set_seed(SEED))  # found: constant-worker-seed
clocked = DataLoader(photographs, num_workers=2, worker_init_fn=from_the_clock)
ranked = DataLoader(
    photographs, num_workers=2, worker_init_fn=partial(with_rank, rank=0, seed=SEED)
)
settings = DataLoader(
    photographs,
    num_workers=2,
    worker_init_fn=lambda _: np.random.seed(args.seed),  # found: constant-worker-seed
)
filled = DataLoader(photographs, num_workers=2, worker_init_fn=fill)
