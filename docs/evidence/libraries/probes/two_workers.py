"""Read two epochs with two workers, and compare what the workers and the epochs drew."""

import numpy as np
from behaviour import count
from torch.utils.data import DataLoader, Dataset


class Drawn(Dataset):
    """Return what a function without arguments draws, for each of 8 indices."""

    def __init__(self, draw):
        self.draw = draw

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.draw()


def two_epochs(dataset, kind=DataLoader, prepare=lambda loader: loader):
    """Return the samples of two epochs as bytes; worker 0 makes the even samples."""
    loader = prepare(
        kind(
            dataset,
            batch_size=1,
            num_workers=2,
            multiprocessing_context="fork",
            timeout=120,
        )
    )
    return [
        [np.ascontiguousarray(batch).tobytes() for batch in loader] for _epoch in (0, 1)
    ]


def alike(one, other):
    """Return whether two lists are equal, and how many positions are."""
    equal = sum(a == b for a, b in zip(one, other))
    return equal == len(one), count(equal, len(one), "equal")


def alike_in_workers(epochs):
    """Compare worker 0 with worker 1."""
    return alike(epochs[0][0::2], epochs[0][1::2])


def alike_in_epochs(epochs):
    """Compare the first epoch with the second."""
    return alike(*epochs)
