import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def make_loader(dataset, seed, **options):
    here, order_and_workers = np.random.SeedSequence(seed).generate_state(2)
    random.seed(int(here))  # these three for num_workers=0
    np.random.seed(here)
    torch.manual_seed(int(here))
    generator = torch.Generator().manual_seed(int(order_and_workers))
    return DataLoader(dataset, shuffle=True, generator=generator, **options)
