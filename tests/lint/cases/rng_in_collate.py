import random

import numpy as np
import torch
from torch.utils.data import DataLoader

from project.data import photographs


class MixUp:
    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)  # found: rng-in-collate

    def __call__(self, samples):
        images = torch.stack(samples)
        share = self.rng.beta(0.8, 0.8)
        return share * images + (1 - share) * images.flip(0)


class PaddingCollator:
    def __init__(self):
        self.rng = random.Random()  # found: rng-in-collate

    def __call__(self, samples):
        return [s + [0] * self.rng.randrange(4) for s in samples]


class MixUpByTorch:
    def __call__(self, samples):
        images = torch.stack(samples)
        share = torch.rand(())
        return share * images + (1 - share) * images.flip(0)


mixed = DataLoader(photographs, num_workers=2, collate_fn=MixUp())
padded = DataLoader(photographs, num_workers=2, collate_fn=PaddingCollator())
by_torch = DataLoader(photographs, num_workers=2, collate_fn=MixUpByTorch())
