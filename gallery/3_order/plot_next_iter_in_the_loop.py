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
Every training step gets the first batch
========================================

next(iter(loader)) begins a new pass each time that it is called.

* **You see:** The loss falls fast, and most of the data is never seen. Without
  shuffling each step has the same batch.
* **Because:** ``next(iter(loader))`` begins a new pass, and takes its first batch.
* **Do:** Write ``for batch in loader``; for steps in place of epochs, ``next`` of one
  iterator.
"""

# %%
# See it happen
# -------------
# The loop counts steps, not epochs, and asks the loader for a batch in each step.

# sphinx_gallery_tags = ["same in every batch", "training loop", "missing samples"]
# sphinx_gallery_parallel = False

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

dataset = TensorDataset(torch.arange(32))
STEPS = 8
loader = DataLoader(dataset, batch_size=4)


def broken_loop():
    for _ in range(STEPS):
        (batch,) = next(iter(loader))
        yield batch.tolist()


if __name__ == "__main__":
    same = list(broken_loop())
    for step, batch in enumerate(same):
        print(f"step {step}: {batch}")
    assert same == [[0, 1, 2, 3]] * STEPS

# %%
# Why
# ---
# ``iter(loader)`` begins a pass, and ``next`` takes the first batch of it. What the loop
# throws away is the iterator, which knows how far the pass has come.
#
# Shuffling hides it: the first batch is another one each time. But each step draws from
# the whole set, so that an epoch's worth of steps leaves out about a third of the samples.

shuffled = DataLoader(dataset, batch_size=4, shuffle=True)


def broken_loop_with_shuffling():
    for _ in range(STEPS):
        (batch,) = next(iter(shuffled))
        yield batch.tolist()


def seen_in(batches):
    return {index for batch in batches for index in batch}


if __name__ == "__main__":
    shares = [
        len(seen_in(broken_loop_with_shuffling())) / 32 for _ in range(50)
    ]
    average = sum(shares) / len(shares)
    print(f"seen in {STEPS} steps: {average:.0%} of the samples")
    assert 0.55 < average < 0.75

# %%
# With workers it is slow as well: each step starts them anew, unless they are persistent, and
# throws away the batches that they have made in advance.

if __name__ == "__main__":
    with_workers = DataLoader(dataset, batch_size=4, num_workers=2)
    workers = set()
    for _ in range(3):
        iterator = iter(with_workers)
        workers |= {worker.pid for worker in iterator._workers}
        next(iterator)
        del iterator
    print(len(workers), "worker processes for 3 batches")
    assert len(workers) == 6

# %%
# The fix
# -------
# Iterate the loader: ``for batch in loader``. Where the loop has to count steps, make one
# iterator and go on with it, and begin a new pass when it has ended.


def batches_without_end(loader):
    while True:
        yield from loader


def fixed_loop(loader):
    batches = batches_without_end(loader)
    for _ in range(STEPS):
        (batch,) = next(batches)
        yield batch.tolist()


if __name__ == "__main__":
    different = list(fixed_loop(loader))
    for step, batch in enumerate(different):
        print(f"step {step}: {batch}")
    assert seen_in(different) == set(range(32))
    assert seen_in(fixed_loop(shuffled)) == set(range(32))

# %%
# :func:`dejabatch.forever` does the same, tells samplers the number of each pass, and raises
# where a pass has no batch, with which the three lines would never end. Do not use ``itertools.cycle``: :doc:`/gallery/3_order/plot_itertools_cycle`.

# %%
# Proof
# -----
# Which samples were in which step.

if __name__ == "__main__":
    figure, axes = plt.subplots(
        2, 1, figsize=(8, 3.6), sharex=True, layout="constrained"
    )
    for ax, name, batches in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        table = np.zeros((STEPS, 32))
        for step, batch in enumerate(batches):
            table[step, batch] = 1
        ax.imshow(table, cmap="cividis", aspect="auto")
        ax.set(
            title=f"{name}: {len(seen_in(batches))} of 32 samples",
            ylabel="step",
        )
    axes[1].set(xlabel="sample")
    plt.show()

# %%
# Find it in your code
# --------------------
# Search for ``next(iter(`` in a loop. ``python -m dejabatch lint`` does that for the
# loaders that a file makes; here it reads this page.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        places = lint_paths([script])
        for place in places:
            print(f"line {place.line}: {place.slug}")
        assert [place.slug for place in places] == [
            "next-iter-in-the-loop"
        ] * 2

# %%
# See also
# --------
# * The loop is right, and the samples are the same:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * Every epoch is the same: :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * `pytorch/pytorch#1917 <https://github.com/pytorch/pytorch/issues/1917>`__: where the
#   advice to write ``next(iter(loader))`` comes from, and what it cost others.
