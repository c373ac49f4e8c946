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
Another number of workers, another augmentation
===============================================

Which worker makes a sample decides on its random numbers.

* **You see:** With one seed, a run with four workers augments differently from a run
  with two. The order is the same.
* **Because:** Each worker has random streams of its own, and which worker makes a
  sample depends on how many there are.
* **Do:** Seed each sample from the run's seed, the epoch and the index.
"""

# %%
# See it happen
# -------------
# A seeded run is repeated with another number of workers. Every sample is a random crop of
# one photograph.

# sphinx_gallery_tags = ["seed", "transform"]
# sphinx_gallery_parallel = False

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


def count_equal(one, other):
    return sum(
        torch.equal(crops[index], others[index])
        for crops, others in zip(one, other, strict=True)
        for index in crops
    )


if __name__ == "__main__":
    orders, crops = run(broken, num_workers=1)
    other_orders, other_crops = run(broken, num_workers=2)
    print("same order:", orders == other_orders)
    print("same crops:", count_equal(crops, other_crops), "of 16")
    assert orders == other_orders
    # Only what worker 0 makes first is the same.
    assert count_equal(crops, other_crops) <= 4

# %%
# Why
# ---
# The order comes from the main process. The crops come from the workers, each of which has
# a stream of its own and draws from it in its own order. With two workers, worker 0 makes
# every second sample, so that from its second sample on its numbers go to other indices.


class Draws(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 0:
            time.sleep(0.5)  # for what follows below
        return index, get_worker_info().id, torch.rand(()).item()


def draws_of(num_workers, **options):
    """Return the worker that made each index, and what it drew for it."""
    torch.manual_seed(0)
    options |= {"batch_size": None, "collate_fn": tuple}
    loader = DataLoader(Draws(), num_workers=num_workers, **options)
    return zip(*(rest for _, *rest in sorted(loader)), strict=True)


if __name__ == "__main__":
    _, of_one = draws_of(1)
    workers, of_two = draws_of(2)
    print("two workers, who makes which index:", workers)
    assert workers == (0, 1, 0, 1, 0, 1, 0, 1)
    assert of_two[::2] == of_one[:4]  # worker 0 draws what it drew alone
    assert of_two[2] != of_one[2]

# %%
# With ``in_order=False`` not even the number of workers has to change. Who is free makes the
# next sample, which depends on the time that each of them takes. Here the first one is slow.

if __name__ == "__main__":
    workers, of_quick = draws_of(2, in_order=False)
    print("in_order=False, who makes which index:", workers)
    assert workers.count(1) > workers.count(0)
    assert of_quick != of_two

# %%
# The fix
# -------
# Seed each sample for itself, from the run's seed, the epoch and the index. A worker does
# not know the epoch, so the sampler sends it along with the index.


class WithEpoch:
    """A sampler of pairs: epoch and index."""

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
        sequence = np.random.SeedSequence(
            [0, epoch, index]
        )  # 0: the run's seed
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
    print("same order:", orders == other_orders)
    print("same crops:", count_equal(crops, other_crops), "of 16")
    assert orders == other_orders
    assert count_equal(crops, other_crops) == 16
    assert (
        count_equal([crops[0]], [crops[1]]) == 0
    )  # another epoch, other crops

# %%
# ``dejabatch.PerSample`` does the same for any dataset, for NumPy's, Python's and torch's
# generators and for those that the dataset holds.

import dejabatch


def by_per_sample(num_workers=2):
    dataset = dejabatch.PerSample(Crops(), seed=0)
    sampler = dejabatch.EpochSampler(RandomSampler(dataset))
    return DataLoader(dataset, sampler=sampler, num_workers=num_workers)


if __name__ == "__main__":
    _, one = run(by_per_sample, num_workers=0)
    _, other = run(by_per_sample, num_workers=2)
    print("same crops with 0 and 2 workers:", count_equal(one, other), "of 16")
    assert count_equal(one, other) == 16

# %%
# Proof
# -----
# The crops of the first four indices, with one and with two workers.

if __name__ == "__main__":
    figure, axes = plt.subplots(4, 4, figsize=(6, 6.6), layout="constrained")
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

# %%
# Find it in your code
# --------------------
# Run it with two numbers of workers, as above, and compare the samples of each index.

if __name__ == "__main__":
    for name, make_loader in (("broken", broken), ("fixed", fixed)):
        equal = count_equal(run(make_loader, 1)[1], run(make_loader, 2)[1])
        print(f"{name}: {equal} of 16 samples do not depend on num_workers")
        assert (equal == 16) == (name == "fixed")

# %%
# See also
# --------
# * The crops are the same in *all* workers, which is too much of it:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Seeds that differ by epoch, rank and worker:
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * :class:`dejabatch.PerSample` and :class:`dejabatch.EpochSampler`.
