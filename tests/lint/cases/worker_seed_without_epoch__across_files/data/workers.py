import numpy as np

from ..settings import SEED


def seed_worker(worker_id):
    np.random.seed(SEED + worker_id)  # found: worker-seed-without-epoch
