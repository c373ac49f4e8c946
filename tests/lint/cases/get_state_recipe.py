import numpy as np
import torch
from numpy import random as npr
from torch.utils.data import DataLoader

from project.data import photographs


def seed_worker(worker_id):
    np.random.seed(np.random.get_state()[1][0] + worker_id)  # found: get-state-recipe


def seed_worker_in_two_lines(worker_id):
    state = np.random.get_state()[1]
    np.random.seed(state[0] + worker_id)  # found: get-state-recipe


def seed_from_torch(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


def seed_from_torch_and_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed + worker_id)


def seed_everything(seed):
    np.random.seed(seed)


def print_seed():
    seed = np.random.get_state()[1][0]
    print(seed)


def evaluate(model):
    """Use a fixed seed and leave NumPy's generator as it was."""
    state = np.random.get_state()
    np.random.seed(0)
    score = model.score(np.random.rand(8))
    np.random.set_state(state)
    return score


loader = DataLoader(photographs, num_workers=4, worker_init_fn=seed_from_torch)
npr.seed(npr.get_state()[1][0])  # found: get-state-recipe
