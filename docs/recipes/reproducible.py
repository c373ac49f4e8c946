import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def make_loader(dataset, seed, **options):
    main_seed, loader_seed = np.random.SeedSequence(seed).generate_state(2)
    random.seed(int(main_seed))  # three seeds for num_workers=0
    np.random.seed(main_seed)
    torch.manual_seed(int(main_seed))
    generator = torch.Generator().manual_seed(int(loader_seed))
    return DataLoader(dataset, shuffle=True, generator=generator, **options)
