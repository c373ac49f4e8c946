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
Every epoch has the same shuffled order
=======================================

A seed at the beginning of each epoch makes runs repeat, and epochs as well.

* **You see:** The loader shuffles, but in every epoch in the same way.
* **Because:** Something seeds the generator of the order again before each epoch.
* **Do:** Seed once, before the first epoch.
"""

# %%
# See it happen
# -------------
# For runs that repeat, this sampler seeds its generator whenever a pass over it begins.

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
    same = [order(broken) for _ in range(3)]
    for epoch, indices in enumerate(same):
        print(f"epoch {epoch}: {indices}")
    assert same[0] == same[1] == same[2]

# %%
# Why
# ---
# The order is drawn from a generator when a pass begins. A generator in the same state
# draws the same order. A seed does that wherever it stands in the loop: in the sampler,
# before the loader is iterated, or with a new loader.


def seed_in_the_loop():
    loader = DataLoader(dataset, batch_size=4, shuffle=True)
    for _epoch in range(3):
        torch.manual_seed(0)
        yield [int(i) for (batch,) in loader for i in batch]


def state_in_the_loop():
    loader = DataLoader(dataset, batch_size=4, shuffle=True)
    state = torch.get_rng_state()
    for _ in range(3):
        torch.set_rng_state(state)
        yield order(loader)


def loader_in_the_loop():
    for _ in range(3):
        generator = torch.Generator().manual_seed(0)
        loader = DataLoader(
            dataset, batch_size=4, shuffle=True, generator=generator
        )
        yield order(loader)


if __name__ == "__main__":
    for loop in (seed_in_the_loop, state_in_the_loop, loader_in_the_loop):
        orders = {tuple(indices) for indices in loop()}
        print(f"{loop.__name__}: {len(orders)} order in 3 epochs")
        assert len(orders) == 1

# %%
# Augmentations repeat, too. The workers' seeds are drawn from the same generator.


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
# Seed once, before the first epoch. Runs repeat, epochs do not.


def make_fixed():
    generator = torch.Generator().manual_seed(0)
    return DataLoader(dataset, batch_size=4, shuffle=True, generator=generator)


fixed = make_fixed()

if __name__ == "__main__":
    different = [order(fixed) for _ in range(3)]
    for epoch, indices in enumerate(different):
        print(f"epoch {epoch}: {indices}")
    assert len({tuple(indices) for indices in different}) == 3

    run_again = make_fixed()
    assert [order(run_again) for _ in range(3)] == different

# %%
# To begin in a later epoch with that epoch's order, make the seed from both numbers.
# Do not add them: then epoch 1 of seed 0 is epoch 0 of seed 1, see
# :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.

if __name__ == "__main__":
    seeds = {
        int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
        for seed in range(3)
        for epoch in range(3)
    }
    print(len(seeds), "seeds from 3 seeds and 3 epochs")
    assert len(seeds) == 9

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
# Take the order of two epochs in your own loop. Shuffled epochs that are the same to the
# last index are no coincidence: for 16 samples there are 20 922 789 888 000 orders.

if __name__ == "__main__":
    print("broken:", order(broken) == order(broken))
    print("fixed: ", order(fixed) == order(fixed))
    assert order(broken) == order(broken)
    assert order(fixed) != order(fixed)

# %%
# Or let ``dejabatch.audit`` look at the loader. It does not see your loop: a seed there
# is found by reading it, or by the lines above.

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
# * The seed stands in ``__getitem__``:
#   :doc:`/gallery/2_randomness/plot_reseed_in_getitem`.
# * The workers' ``worker_init_fn`` seeds without the epoch:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * `Reproducibility <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__:
#   what PyTorch says on runs that repeat.
