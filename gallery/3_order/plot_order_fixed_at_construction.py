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
The order is random, and the same in every epoch
================================================

A permutation that is drawn when the sampler is made is the permutation of every epoch.

* **You see:** Batches are mixed, but every epoch has the same ones in the same order.
* **Because:** The sampler draws its permutation once, when it is made.
* **Do:** Draw the permutation in the sampler's ``__iter__``.
"""

# %%
# See it happen
# -------------
# The sampler shuffles the indices. It does so once.

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


class ShuffledOnce(Sampler):
    def __init__(self, length):
        self.order = torch.randperm(length).tolist()

    def __iter__(self):
        return iter(self.order)

    def __len__(self):
        return len(self.order)


def broken():
    return DataLoader(dataset, batch_size=4, sampler=ShuffledOnce(16))


def order(loader):
    return torch.cat([batch for (batch,) in loader]).tolist()


if __name__ == "__main__":
    loader = broken()
    same = [order(loader) for _ in range(3)]
    for epoch, indices in enumerate(same):
        print(f"epoch {epoch}: {indices}")
    assert same[0] == same[1] == same[2]

# %%
# Why
# ---
# The loader calls the sampler's ``__iter__`` in each epoch, and what is drawn there is
# drawn anew. What is drawn in ``__init__`` is drawn once. There are other places where an
# order is fixed without being seen: a list of batches, and a shuffled
# :class:`~torch.utils.data.Subset` that is read in its own order.

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
# Draw in ``__iter__``.


class ShuffledEachTime(Sampler):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        yield from torch.randperm(self.length).tolist()

    def __len__(self):
        return self.length


def fixed():
    return DataLoader(dataset, batch_size=4, sampler=ShuffledEachTime(16))


if __name__ == "__main__":
    loader = fixed()
    different = [order(loader) for _ in range(3)]
    for epoch, indices in enumerate(different):
        print(f"epoch {epoch}: {indices}")
    assert len({tuple(indices) for indices in different}) == 3

# %%
# Or do without a class of your own: ``shuffle=True`` does the same, for a ``Subset``, too.

if __name__ == "__main__":
    loader = DataLoader(subset, batch_size=4, shuffle=True)
    assert order(loader) != order(loader)

# %%
# Proof
# -----
# The order of three epochs. A column is a position in the epoch, a colour is a sample.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, orders in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        ax.imshow(orders, cmap="cividis", aspect="auto")
        for (row, column), index in np.ndenumerate(orders):
            colour = "white" if index < 8 else "black"
            ax.text(column, row, index, ha="center", va="center", color=colour)
        ax.set(title=name, ylabel="epoch", xticks=[], yticks=range(3))
    plt.show()

# %%
# Find it in your code
# --------------------
# Ask the sampler twice. Shuffled, 16 indices come in the same order once in
# 20 922 789 888 000 times.


def repeats_its_order(loader):
    return list(loader.batch_sampler) == list(loader.batch_sampler)


if __name__ == "__main__":
    print("broken:", repeats_its_order(broken()))
    print("fixed: ", repeats_its_order(fixed()))
    assert repeats_its_order(broken())
    assert not repeats_its_order(fixed())

# %%
# Or let ``dejabatch.audit`` look. One order may be meant, as for samples that are sorted by
# length. Give it the function that makes the loader: it makes two, and an order that is
# another one each time was drawn when the loader was made.

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
# * A shuffling sampler of torch's repeats its order:
#   :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.
# * The augmentation was drawn once, not the order:
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * :class:`torch.utils.data.Sampler`.
