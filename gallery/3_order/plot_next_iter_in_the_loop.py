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
next(iter(dataloader)) returns the first batch at every step
============================================================

``iter(loader)`` starts a new pass, so each step sees only the first batch of a pass.

* **You see:** The loss falls fast, and most of the data is never seen. Without
  shuffling, every step gets the same batch.
* **Because:** ``next(iter(loader))`` starts a new pass over the data and takes its
  first batch.
* **Do:** Write ``for batch in loader``; to count steps, call ``next`` on an iterator
  that starts a new pass after each epoch.
"""

# %%
# See it happen
# -------------
# The loop counts steps instead of epochs, and calls ``next(iter(loader))`` at each step.

# sphinx_gallery_tags = ["same in every batch", "training loop", "missing samples"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["broken_loop", "fixed_loop"]

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
    broken_batches = list(broken_loop())
    distinct = len(set(map(tuple, broken_batches)))
    print("broken:", distinct, "distinct batch in", STEPS, "steps")
    assert broken_batches == [[0, 1, 2, 3]] * STEPS

# %%
# Why
# ---
# ``iter(loader)`` starts a pass, and ``next`` takes the first batch. The loop then throws
# the iterator away, and the position in the pass with it.
#
# Shuffling hides the failure, because every pass starts with a different batch. Still,
# each step draws from the whole dataset. An epoch's worth of steps misses about a third
# of the samples.

shuffled = DataLoader(dataset, batch_size=4, shuffle=True)


def broken_loop_with_shuffling():
    for _ in range(STEPS):
        (batch,) = next(iter(shuffled))
        yield batch.tolist()


def distinct_samples(batches):
    return {index for batch in batches for index in batch}


if __name__ == "__main__":
    shares = [
        len(distinct_samples(broken_loop_with_shuffling())) / 32
        for _ in range(50)
    ]
    average = sum(shares) / len(shares)
    print(f"seen in {STEPS} steps: {average:.0%} of the samples")
    assert 0.55 < average < 0.75

# %%
# With workers, the loop is slow as well, because each step starts new workers.

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
# Iterate the loader: ``for batch in loader``. To count steps, create one iterator that
# starts a new pass after each epoch.


def endless_batches(loader):
    while True:
        yield from loader


def fixed_loop(loader):
    batches = endless_batches(loader)
    for _ in range(STEPS):
        (batch,) = next(batches)
        yield batch.tolist()


if __name__ == "__main__":
    fixed_batches = list(fixed_loop(loader))
    distinct = len(set(map(tuple, fixed_batches)))
    print("fixed:", distinct, "distinct batches in", STEPS, "steps")
    assert distinct_samples(fixed_batches) == set(range(32))
    assert distinct_samples(fixed_loop(shuffled)) == set(range(32))

# %%
# :func:`dejabatch.forever` does the same and calls ``set_epoch``. Do not use
# ``itertools.cycle``, which :doc:`repeats the first epoch
# </gallery/3_order/plot_itertools_cycle>`.

# %%
# Proof
# -----
# Yellow marks the samples of each step. The first picture never leaves the first batch.


def plot(broken_batches, fixed_batches):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.6), sharex=True, layout="constrained"
    )
    for ax, name, batches in (
        (axes[0], "broken", broken_batches),
        (axes[1], "fixed", fixed_batches),
    ):
        table = np.zeros((STEPS, 32))
        for step, batch in enumerate(batches):
            table[step, batch] = 1
        ax.imshow(table, cmap="cividis", aspect="auto")
        ax.set(
            title=f"{name}: {len(distinct_samples(batches))} of 32 samples",
            ylabel="step",
        )
    axes[1].set(xlabel="sample")
    plt.show()


if __name__ == "__main__":
    plot(broken_batches, fixed_batches)

# %%
# Find it in your code
# --------------------
# Search your loops for ``next(iter(``, or run ``python -m dejabatch lint`` on your code.
# Here the lint reads this page.

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
# * The loop is right, but the dataset returns the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * Every epoch has the same order: :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * `pytorch/pytorch#1917 <https://github.com/pytorch/pytorch/issues/1917>`__, where users
#   recommend ``next(iter(loader))`` and report its cost.
