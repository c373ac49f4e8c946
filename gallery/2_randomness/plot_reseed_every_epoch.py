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
DataLoader shuffles in the same order every epoch
=================================================

A seed that is set before each epoch makes every epoch repeat the same order.

* **You see:** Samples are shuffled, but every epoch repeats the first epoch's order.
* **Because:** Before each epoch, your code reseeds the generator that draws the order.
* **Do:** Seed once, before the first epoch.
"""

# %%
# See it happen
# -------------
# This sampler reseeds its generator at the start of each epoch, so that runs repeat.
# The epochs repeat, too.

# sphinx_gallery_tags = ["same in every epoch", "shuffle", "seed"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

dataset = TensorDataset(torch.arange(16))


class SeededSampler(RandomSampler):
    def __iter__(self):
        self.generator.manual_seed(0)
        return super().__iter__()


broken = DataLoader(
    dataset,
    batch_size=4,
    sampler=SeededSampler(dataset, generator=torch.Generator()),
)


def order(loader):
    return torch.cat([batch for (batch,) in loader]).tolist()


if __name__ == "__main__":
    broken_orders = [order(broken) for _ in range(3)]
    distinct = len(set(map(tuple, broken_orders)))
    print("broken:", distinct, "distinct order in 3 epochs")
    assert broken_orders[0] == broken_orders[1] == broken_orders[2]

# %%
# Why
# ---
# The sampler draws each epoch's order from a generator. A generator in the same state
# draws the same order. Reseeding has this effect anywhere in the epoch loop: in the
# sampler, before the iteration, or with a new loader.


def seed_in_the_loop():
    loader = DataLoader(dataset, batch_size=4, shuffle=True)
    for _epoch in range(3):
        torch.manual_seed(0)
        yield [int(i) for (batch,) in loader for i in batch]


def restored_state_in_the_loop():
    loader = DataLoader(dataset, batch_size=4, shuffle=True)
    state = torch.get_rng_state()
    for _ in range(3):
        torch.set_rng_state(state)
        yield order(loader)


def new_loader_in_the_loop():
    for _ in range(3):
        generator = torch.Generator().manual_seed(0)
        loader = DataLoader(
            dataset, batch_size=4, shuffle=True, generator=generator
        )
        yield order(loader)


if __name__ == "__main__":
    for loop in (
        seed_in_the_loop,
        restored_state_in_the_loop,
        new_loader_in_the_loop,
    ):
        orders = {tuple(indices) for indices in loop()}
        print(f"{loop.__name__}: {len(orders)} order in 3 epochs")
        assert len(orders) == 1

# %%
# Augmentations repeat, too, because the same generator seeds the workers.


class Draws(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.rand(())


if __name__ == "__main__":
    loader = DataLoader(Draws(), batch_size=4, num_workers=1)
    epochs = []
    for _ in range(2):
        torch.manual_seed(0)
        epochs += list(loader)
    print(epochs)
    assert torch.equal(*epochs)

# %%
# The fix
# -------
# Seed once, before the first epoch. Runs still repeat, and epochs differ.


def make_fixed():
    generator = torch.Generator().manual_seed(0)
    return DataLoader(dataset, batch_size=4, shuffle=True, generator=generator)


fixed = make_fixed()

if __name__ == "__main__":
    fixed_orders = [order(fixed) for _ in range(3)]
    distinct = len(set(map(tuple, fixed_orders)))
    print("fixed:", distinct, "distinct orders in 3 epochs")
    assert distinct == 3

    run_again = make_fixed()
    assert [order(run_again) for _ in range(3)] == fixed_orders

# %%
# To start in a later epoch, derive the seed from the run's seed and the epoch. Do not
# add the two numbers: seed 0 in epoch 1 would equal seed 1 in epoch 0. See
# :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.

if __name__ == "__main__":
    seeds = {
        int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
        for seed in range(3)
        for epoch in range(3)
    }
    print(len(seeds), "distinct seeds from 3 run seeds and 3 epochs")
    assert len(seeds) == 9

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
# Compare the orders of two epochs in your own loop. Shuffled epochs must differ.

if __name__ == "__main__":
    print("broken repeats its order:", order(broken) == order(broken))
    print("fixed repeats its order: ", order(fixed) == order(fixed))
    assert order(broken) == order(broken)
    assert order(fixed) != order(fixed)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The audit reads the loader, not your training loop. For a seed in the loop,
# use the comparison above.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("reseed-every-epoch", "sampler")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The seed is in ``__getitem__``: :doc:`/gallery/2_randomness/plot_reseed_in_getitem`.
# * ``worker_init_fn`` seeds without the epoch:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * PyTorch's notes on runs that repeat: `Reproducibility
#   <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__.
