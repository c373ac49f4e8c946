import numpy as np
from torch.utils.data import get_worker_info


def worker_init_fn(worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)
