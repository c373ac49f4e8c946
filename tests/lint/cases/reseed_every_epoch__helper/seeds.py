import contextlib
import random

import torch


def fix(number):
    random.seed(number)
    torch.manual_seed(number)


@contextlib.contextmanager
def fixed(number):
    state = torch.get_rng_state()
    torch.manual_seed(number)
    yield
    torch.set_rng_state(state)
