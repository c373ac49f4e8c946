"""Print which generators differ between workers, epochs and runs."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Draws(Dataset):
    """Draw from the global generators, and from an object on the dataset."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {
            "torch.rand": torch.rand(()).item(),
            "random.random": random.random(),
            "np.random.random": np.random.random(),
            "a default_rng() object": self.rng.random(),
        }


def draws_of_a_run(seed):
    """Return the draws of two workers in two epochs, by generator."""
    torch.manual_seed(seed)
    loader = DataLoader(Draws(), batch_size=None, num_workers=2)
    samples = [sample for _ in range(2) for sample in loader]
    return {name: [sample[name] for sample in samples] for name in samples[0]}


if __name__ == "__main__":
    run, same_seed, other_seed = (draws_of_a_run(seed) for seed in (1, 1, 2))
    print(f"torch {torch.__version__:24}workers  epochs  runs with")
    print(f"{'':30}differ   differ  other seeds differ")
    for name, (first, second, *next_epoch) in run.items():
        answers = first != second, [first, second] != next_epoch
        answers += (run[name] != other_seed[name],)
        words = ["yes" if answer else "no" for answer in answers]
        print(f"{name:30}{words[0]:9}{words[1]:8}{words[2]}")
        assert run[name] == same_seed[name]
