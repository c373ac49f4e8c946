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
Creating the dataset resets the random seed
===========================================

A seed that is meant for a split also fixes the shuffling and the weights of every run.

* **You see:** Every run shuffles and augments in the same way, although you set another
  seed or none.
* **Because:** The constructor of the dataset or sampler seeds a global random generator
  with a constant.
* **Do:** Use a generator of its own in the constructor, such as ``random.Random(seed)`` or
  ``np.random.default_rng(seed)``.
"""

# %%
# See it happen
# -------------
# The dataset splits its rows at random, and seeds torch so that the split is always the
# same. Then you train with five seeds, to see how much the result varies.

# sphinx_gallery_tags = ["same in every run", "seed", "dataset"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

ROWS = torch.randn(80, 4, generator=torch.Generator().manual_seed(1))


class Split(Dataset):
    def __init__(self, train):
        torch.manual_seed(0)  # the same split in every run
        order = torch.randperm(len(ROWS))
        self.rows = ROWS[order[:60] if train else order[60:]]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def broken():
    return DataLoader(Split(train=True), batch_size=10, shuffle=True)


def run(seed, make_loader):
    """Train a small network, and return its losses."""
    torch.manual_seed(seed)
    loader = make_loader()
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _epoch in range(3):
        for rows in loader:
            target = rows.sum(dim=1, keepdim=True)
            loss = torch.nn.functional.mse_loss(model(rows), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


if __name__ == "__main__":
    broken_runs = [run(seed, broken) for seed in range(5)]
    distinct = len(set(map(tuple, broken_runs)))
    print("broken: 5 seeds train", distinct, "distinct run")
    assert distinct == 1

# %%
# Why
# ---
# ``torch.manual_seed`` sets the one generator of the whole process. The dataset is created
# after your own seed, and replaces it. The weights, the shuffling and the seeds of workers
# come from that generator.

if __name__ == "__main__":
    draws = set()
    for seed in range(5):
        torch.manual_seed(seed)
        loader = DataLoader(Split(train=True), shuffle=True, num_workers=1)
        weights = torch.nn.Linear(4, 1).weight.tolist()
        # Private to torch; only this proof needs it.
        order, base_seed = list(loader.sampler), iter(loader)._base_seed
        draws.add(f"{weights} {order} {base_seed}")
    assert len(draws) == 1

# %%
# ``random.seed`` and ``np.random.seed`` do the same to the generators of Python and NumPy.
# A training set and a validation set with one seed also draw the same numbers.


class PythonSplit(Split):
    def __init__(self, train):
        random.seed(0)
        order = random.sample(range(len(ROWS)), k=len(ROWS))
        self.rows = ROWS[order[:60] if train else order[60:]]


if __name__ == "__main__":
    draws = []
    for train in (True, False):
        PythonSplit(train)
        draws.append(random.random())
    print("the first number after each of two datasets:", draws)
    assert draws[0] == draws[1]

# %%
# The fix
# -------
# Draw the split from a generator of its own.


class OwnGenerator(Split):
    def __init__(self, train):
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(ROWS), generator=generator)
        self.rows = ROWS[order[:60] if train else order[60:]]


def fixed():
    return DataLoader(OwnGenerator(train=True), batch_size=10, shuffle=True)


if __name__ == "__main__":
    fixed_runs = [run(seed, fixed) for seed in range(5)]
    distinct = len(set(map(tuple, fixed_runs)))
    print("fixed: 5 seeds train", distinct, "distinct runs")
    assert distinct == 5
    # The split is the same in every run, and one run can be repeated.
    assert torch.equal(OwnGenerator(True).rows, OwnGenerator(True).rows)
    assert run(3, fixed) == fixed_runs[3]

# %%
# NumPy's and Python's generators can be created in the same way.

if __name__ == "__main__":
    state = random.getstate(), np.random.get_state()[1].tolist()
    random.Random(0).sample(range(80), k=80)
    np.random.default_rng(0).permutation(80)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state

# %%
# Proof
# -----
# Each line is the loss of a run with another seed. The five lines on the left are one.


def plot(broken_runs, fixed_runs):
    _, axes = plt.subplots(
        1, 2, figsize=(8, 3), sharey=True, layout="constrained"
    )
    for ax, name, runs in (
        (axes[0], "broken: 5 seeds, 1 run", broken_runs),
        (axes[1], "fixed: 5 seeds, 5 runs", fixed_runs),
    ):
        for width, losses in zip((12, 9, 6, 4, 2), runs, strict=True):
            ax.plot(losses, linewidth=width if runs is broken_runs else 1.5)
        ax.set(title=name, xlabel="step")
    axes[0].set_ylabel("loss")
    plt.show()


if __name__ == "__main__":
    plot(broken_runs, fixed_runs)

# %%
# Find it in your code
# --------------------
# Seed with two numbers, create the loader, and draw one number each. The two numbers must
# differ.


def resets_the_seed(make_loader):
    draws = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        make_loader()
        draws.add(torch.rand(()).item())
    return len(draws) == 1


if __name__ == "__main__":
    print("broken:", resets_the_seed(broken))
    print("fixed: ", resets_the_seed(fixed))
    assert resets_the_seed(broken)
    assert not resets_the_seed(fixed)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on the
# function that creates the loader. A finished loader does not show what its constructors
# did.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("seed-in-constructor", "dataset.__init__")
    ]
    assert dejabatch.audit(fixed).ok
    assert dejabatch.audit(broken()).ok  # it shows the finished loader

# %%
# See also
# --------
# * The seed is in ``__getitem__``: :doc:`/gallery/2_randomness/plot_reseed_in_getitem`.
# * The seed is set before each epoch:
#   :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.
# * The augmentation is drawn in the constructor:
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * Datasets that seed the global generator were reported in `torchebm#319
#   <https://github.com/soran-ghaderi/torchebm/issues/319>`__.
