import os

import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from project.data import current_epoch, photographs

rank = int(os.environ.get("RANK", 0))
epoch = current_epoch()


def seed_by_worker(worker_id):
    number = 100 * rank
    number += worker_id
    np.random.seed(int(number))  # found: worker-seed-without-epoch


def seed_by_epoch(worker_id):
    np.random.seed(1000 * epoch + worker_id)


def seed_by_sequence(worker_id):
    sequence = np.random.SeedSequence([7, worker_id, current_epoch()])
    np.random.seed(sequence.generate_state(4))


def seed_from_torch(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


def seed_from_torch_and_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed + worker_id)


def seed_from_worker_info(worker_id):
    np.random.seed(get_worker_info().seed % 2**32)


def seed_once(worker_id):
    np.random.seed(worker_id)


by_worker = DataLoader(photographs, num_workers=4, worker_init_fn=seed_by_worker)
by_lambda = DataLoader(
    photographs,
    num_workers=4,
    worker_init_fn=lambda i: np.random.seed(i),  # found: worker-seed-without-epoch
)
by_epoch = DataLoader(photographs, num_workers=4, worker_init_fn=seed_by_epoch)
by_sequence = DataLoader(photographs, num_workers=4, worker_init_fn=seed_by_sequence)
by_torch = DataLoader(photographs, worker_init_fn=seed_from_torch)
by_both = DataLoader(photographs, worker_init_fn=seed_from_torch_and_worker)
by_info = DataLoader(photographs, worker_init_fn=seed_from_worker_info)
persistent = DataLoader(
    photographs, num_workers=4, worker_init_fn=seed_once, persistent_workers=True
)
