import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def make_loader(dataset, seed, **options):
    random.seed(seed)  # these three for num_workers=0
    np.random.seed(seed)
    torch.manual_seed(seed)
    order_and_workers = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, shuffle=True, generator=order_and_workers, **options)
