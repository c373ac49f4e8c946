# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
The shuffled order is the same in every epoch
=============================================

A sampler that shuffles in ``__init__`` shuffles once, not once per epoch.

* **You see:** Batches are mixed, but every epoch has the same batches in the same
  order.
* **Because:** The sampler draws its permutation once, when it is created.
* **Do:** Draw the permutation in the sampler's ``__iter__``.
"""

# %%
# See it happen
# -------------
# The sampler shuffles the indices in ``__init__``.

# sphinx_gallery_tags = ["same in every epoch", "sampler", "shuffle"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    Sampler,
    Subset,
    TensorDataset,
)

dataset = TensorDataset(torch.arange(16))


class Shuffled(Sampler):
    def __init__(self, length):
        self.order = torch.randperm(length).tolist()

    def __iter__(self):
        return iter(self.order)

    def __len__(self):
        return len(self.order)


def broken():
    return DataLoader(dataset, batch_size=4, sampler=Shuffled(16))


def order(loader):
    return torch.cat([batch for (batch,) in loader]).tolist()


if __name__ == "__main__":
    loader = broken()
    broken_orders = [order(loader) for _ in range(3)]
    distinct = len(set(map(tuple, broken_orders)))
    print("broken:", distinct, "distinct order in 3 epochs")
    assert broken_orders[0] == broken_orders[1] == broken_orders[2]

# %%
# Why
# ---
# The loader calls the sampler's ``__iter__`` in each epoch, but ``__init__`` only once. A
# permutation that ``__init__`` draws is therefore the order of every epoch.
#
# A list of batches fixes the order, too. So does a
# :class:`~torch.utils.data.Subset` with shuffled indices and no ``shuffle=True``.

if __name__ == "__main__":
    batches = list(BatchSampler(RandomSampler(dataset), 4, drop_last=False))
    subset = Subset(dataset, torch.randperm(16).tolist())
    for name, loader in (
        ("list of batches", DataLoader(dataset, batch_sampler=batches)),
        ("shuffled Subset", DataLoader(subset, batch_size=4)),
    ):
        orders = {tuple(order(loader)) for _ in range(3)}
        print(f"{name}: {len(orders)} order in 3 epochs")
        assert len(orders) == 1

# %%
# The fix
# -------
# Draw the permutation in ``__iter__``.


class ShufflesEachEpoch(Sampler):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        yield from torch.randperm(self.length).tolist()

    def __len__(self):
        return self.length


def fixed():
    return DataLoader(dataset, batch_size=4, sampler=ShufflesEachEpoch(16))


if __name__ == "__main__":
    loader = fixed()
    fixed_orders = [order(loader) for _ in range(3)]
    distinct = len(set(map(tuple, fixed_orders)))
    print("fixed:", distinct, "distinct orders in 3 epochs")
    assert distinct == 3

# %%
# Or remove your sampler and pass ``shuffle=True``, which also works for a ``Subset``.

if __name__ == "__main__":
    loader = DataLoader(subset, batch_size=4, shuffle=True)
    assert order(loader) != order(loader)

# %%
# Proof
# -----
# Compare the rows of a picture. A row is one epoch, and each colour is a sample.


def plot(broken_orders, fixed_orders):
    _, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, orders in (
        (axes[0], "broken", broken_orders),
        (axes[1], "fixed", fixed_orders),
    ):
        ax.imshow(orders, cmap="cividis", aspect="auto")
        for (row, column), index in np.ndenumerate(orders):
            colour = "white" if index < 8 else "black"
            ax.text(column, row, index, ha="center", va="center", color=colour)
        ax.set(title=name, ylabel="epoch", xticks=[], yticks=range(3))
    plt.show()


if __name__ == "__main__":
    plot(broken_orders, fixed_orders)

# %%
# Find it in your code
# --------------------
# Read the order twice. Two shuffles of 16 indices agree by chance once in
# 20 922 789 888 000 times.


def repeats_its_order(loader):
    return list(loader.batch_sampler) == list(loader.batch_sampler)


if __name__ == "__main__":
    print("broken:", repeats_its_order(broken()))
    print("fixed: ", repeats_its_order(fixed()))
    assert repeats_its_order(broken())
    assert not repeats_its_order(fixed())

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on the
# function that creates the loader. The audit creates two loaders. If each loader
# repeats a different order, the order was drawn at construction.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("order-fixed-at-construction", "sampler")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * ``shuffle=True`` repeats the order:
#   :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.
# * The augmentation, not the order, is drawn only once:
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * :class:`torch.utils.data.Sampler`.
