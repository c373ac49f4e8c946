"""Two passes are begun by a loader's own ``__iter__``."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dejabatch.observe.experiments.delivered import begun_twice


class Masks(DataLoader):
    """Masks batches with the numbers of a generator."""

    def __iter__(self):
        generator = self.generator_of_epoch()
        for batch in super().__iter__():
            yield batch * (torch.rand(batch.shape, generator=generator) < 0.5)

    def generator_of_epoch(self):
        return torch.Generator().manual_seed(0)


class MasksByChance(Masks):
    def generator_of_epoch(self):
        return torch.Generator().manual_seed(int(torch.randint(2**31, ())))


class MasksByEpoch(Masks):
    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch


class MasksByOwnGenerator(Masks):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.own = torch.Generator()

    def generator_of_epoch(self):
        return self.own


class Draws(DataLoader):
    """Draws numbers for the dataset before each epoch."""

    def __iter__(self):
        self.dataset.flips = np.random.permutation(len(self.dataset))
        return super().__iter__()


class Rows(list):
    pass


@pytest.mark.parametrize(
    ("loader", "changed", "alike"),
    [
        (Masks, (), ("Masks.__iter__",)),
        (MasksByChance, (), ()),
        (MasksByEpoch, (), ()),
        (MasksByOwnGenerator, (), ()),
        (Draws, ("dataset.flips",), ()),
    ],
)
def test_passes_are_compared(loader, changed, alike):
    made = loader(Rows(range(12)), batch_size=4, shuffle=True)
    assert begun_twice(lambda: made, time_limit=60) == (changed, alike)
