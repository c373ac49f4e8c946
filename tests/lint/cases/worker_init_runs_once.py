import random

import numpy as np
from torch.utils.data import DataLoader, get_worker_info

from project.data import photographs, shared_epoch, state

epoch = 0


def seed_by_epoch(worker_id):
    seed = 1000 * epoch + worker_id
    np.random.seed(seed + get_worker_info().seed)  # found: worker-init-runs-once


def make_generator(worker_id):
    dataset = get_worker_info().dataset
    dataset.rng = np.random.default_rng([state.epoch, worker_id])  # found: worker-init-runs-once


def seed_by_epoch_of_state(worker_id):
    np.random.seed(1000 * state.epoch + worker_id)


def seed_by_worker(worker_id):
    np.random.seed(worker_id)


def share_the_epoch(worker_id):
    print("worker", worker_id, "started in epoch", epoch)
    get_worker_info().dataset.epoch = shared_epoch


train = DataLoader(
    photographs, num_workers=4, worker_init_fn=seed_by_epoch, persistent_workers=True
)
validation = DataLoader(
    photographs, num_workers=4, worker_init_fn=make_generator, persistent_workers=True
)
test = DataLoader(
    photographs,
    num_workers=4,
    persistent_workers=True,
    worker_init_fn=lambda i: random.seed(state.epoch * 100 + hash(i)),  # found: worker-init-runs-once
)

started_again = DataLoader(
    photographs,
    num_workers=4,
    worker_init_fn=seed_by_epoch_of_state,
    persistent_workers=False,
)
continued = DataLoader(
    photographs, num_workers=4, worker_init_fn=seed_by_worker, persistent_workers=True
)
shared = DataLoader(
    photographs, num_workers=4, worker_init_fn=share_the_epoch, persistent_workers=True
)
