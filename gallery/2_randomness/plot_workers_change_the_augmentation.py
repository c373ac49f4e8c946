# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Changing num_workers changes the random augmentations
=====================================================

``num_workers`` decides which worker's random stream each sample draws from.

* **You see:** Two runs with the same seed and different ``num_workers`` have the same
  order, but different augmentations.
* **Because:** Each worker has its own random stream, and ``num_workers`` decides which
  worker makes a sample.
* **Do:** Seed each sample from the run's seed, the epoch and the index.
"""

# %%
# See it happen
# -------------
# The cell repeats a seeded run with a different ``num_workers``. Each sample is a
# random crop of one photograph.

# sphinx_gallery_tags = ["seed", "transform"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["broken", "by_per_sample"]

import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    get_worker_info,
)
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)
CROP = v2.RandomResizedCrop(96, scale=(0.1, 0.4))


class Crops(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return index, CROP(PHOTOGRAPH)


def broken(num_workers=2):
    return DataLoader(Crops(), shuffle=True, num_workers=num_workers)


def run(make_loader, num_workers):
    """Return the order and the crops, by index, of a seeded run of two epochs."""
    torch.manual_seed(0)
    loader = make_loader(num_workers)
    epochs = [[(int(i), crop[0]) for i, crop in loader] for _ in range(2)]
    orders = [[index for index, _ in epoch] for epoch in epochs]
    return orders, [dict(epoch) for epoch in epochs]


def count_equal(epochs, other_epochs):
    return sum(
        torch.equal(crops[index], other_crops[index])
        for crops, other_crops in zip(epochs, other_epochs, strict=True)
        for index in crops
    )


if __name__ == "__main__":
    orders, crops = run(broken, num_workers=1)
    other_orders, other_crops = run(broken, num_workers=2)
    equal = count_equal(crops, other_crops)
    print("broken:", equal, "of 16 crops are equal with 1 and 2 workers")
    assert orders == other_orders
    # Only the first crop of worker 0 in each epoch is the same.
    assert count_equal(crops, other_crops) <= 4

# %%
# Why
# ---
# The main process draws the order. Each worker draws crops from its own random stream.
# With two workers, worker 0 makes every second sample, so its draws go to different
# indices.


class Draws(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 0:
            time.sleep(0.5)  # makes worker 0 slow for in_order=False
        return index, get_worker_info().id, torch.rand(()).item()


def read_draws(num_workers, **options):
    """Return the worker and the draw of each index."""
    torch.manual_seed(0)
    options |= {"batch_size": None, "collate_fn": tuple}
    loader = DataLoader(Draws(), num_workers=num_workers, **options)
    return zip(*(rest for _, *rest in sorted(loader)), strict=True)


if __name__ == "__main__":
    _, draws_of_one_worker = read_draws(1)
    workers, draws_of_two_workers = read_draws(2)
    print("two workers, worker of each index:", workers)
    assert workers == (0, 1, 0, 1, 0, 1, 0, 1)
    # Worker 0 draws the same numbers as alone, but for other indices.
    assert draws_of_two_workers[::2] == draws_of_one_worker[:4]
    assert draws_of_two_workers[2] != draws_of_one_worker[2]

# %%
# With ``in_order=False``, even two runs with the same ``num_workers`` can differ. The
# next free worker makes the next sample, so timing decides. Here, worker 0 is slow.

if __name__ == "__main__":
    workers, draws_out_of_order = read_draws(2, in_order=False)
    print("in_order=False, worker of each index:", workers)
    assert workers.count(1) > workers.count(0)
    assert draws_out_of_order != draws_of_two_workers

# %%
# The fix
# -------
# Seed each sample from the run's seed, the epoch and the index. Workers do not know the
# epoch, so the sampler sends the epoch with each index.


class WithEpoch:
    """A sampler that yields pairs of epoch and index."""

    def __init__(self, sampler):
        self.sampler = sampler
        self.epoch = 0

    def __iter__(self):
        epoch = self.epoch
        self.epoch += 1
        for index in self.sampler:
            yield epoch, index

    def __len__(self):
        return len(self.sampler)


class SeededCrops(Crops):
    def __getitem__(self, epoch_and_index):
        epoch, index = epoch_and_index
        run_seed = 0
        sequence = np.random.SeedSequence([run_seed, epoch, index])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(sequence.generate_state(1)[0]))
            return super().__getitem__(index)


def fixed(num_workers=2):
    dataset = SeededCrops()
    sampler = WithEpoch(RandomSampler(dataset))
    return DataLoader(dataset, sampler=sampler, num_workers=num_workers)


if __name__ == "__main__":
    orders, crops = run(fixed, num_workers=1)
    other_orders, other_crops = run(fixed, num_workers=2)
    equal = count_equal(crops, other_crops)
    print("fixed:", equal, "of 16 crops are equal with 1 and 2 workers")
    assert orders == other_orders
    assert count_equal(crops, other_crops) == 16
    # The two epochs have different crops.
    assert count_equal([crops[0]], [crops[1]]) == 0

# %%
# ``dejabatch.PerSample`` wraps any map-style dataset and seeds each sample in this way.

import dejabatch


def by_per_sample(num_workers=2):
    dataset = dejabatch.PerSample(Crops(), seed=0)
    sampler = dejabatch.EpochSampler(RandomSampler(dataset))
    return DataLoader(dataset, sampler=sampler, num_workers=num_workers)


if __name__ == "__main__":
    _, crops = run(by_per_sample, num_workers=0)
    _, other_crops = run(by_per_sample, num_workers=2)
    equal = count_equal(crops, other_crops)
    print("same crops with 0 and 2 workers:", equal, "of 16")
    assert equal == 16

# %%
# Proof
# -----
# Compare rows 1 and 2, and then rows 3 and 4: the same run with one and two workers.


def plot():
    _, axes = plt.subplots(4, 4, figsize=(6, 6.6), layout="constrained")
    for row, (name, make_loader, num_workers) in enumerate(
        (
            ("broken", broken, 1),
            ("broken", broken, 2),
            ("fixed", fixed, 1),
            ("fixed", fixed, 2),
        )
    ):
        _, epochs = run(make_loader, num_workers)
        for index in range(4):
            axes[row, index].imshow(epochs[0][index].permute(1, 2, 0))
            axes[row, index].set(xticks=[], yticks=[])
        axes[row, 0].set_title(
            f"{name}, num_workers={num_workers}", loc="left"
        )
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Run your loader with two values of ``num_workers``, and compare the samples of each
# index.

if __name__ == "__main__":
    for name, make_loader in (("broken", broken), ("fixed", fixed)):
        equal = count_equal(run(make_loader, 1)[1], run(make_loader, 2)[1])
        print(f"{name}: {equal} of 16 samples do not depend on num_workers")
        assert (equal == 16) == (name == "fixed")

# %%
# See also
# --------
# * All workers apply the same crops:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Ranks or runs with different seeds share augmentations:
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * Reference: :class:`dejabatch.PerSample` and :class:`dejabatch.EpochSampler`.
