import random

import numpy as np
import torch
from torch.utils.data import get_worker_info


class SeedByRank:
    def __init__(self, rank):
        self.rank = rank

    def __call__(self, worker_id):
        seed = np.random.SeedSequence([get_worker_info().seed, self.rank])
        words = seed.generate_state(3)
        random.seed(int(words[0]))
        np.random.seed(words[1])
        torch.manual_seed(int(words[2]))
