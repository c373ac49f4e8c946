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
itertools.cycle(dataloader) repeats the first epoch
===================================================

``itertools.cycle`` stores every batch of the first epoch and never asks the loader again.

* **You see:** Every epoch has the same order and the same augmented samples, and memory
  grows during the first epoch.
* **Because:** ``itertools.cycle(loader)`` stores every batch of the first epoch and
  replays the stored batches.
* **Do:** Start a new pass over the loader for each epoch, as
  ``dejabatch.forever(loader)`` does.
"""

# %%
# See it happen
# -------------
# The training loop wraps the loader in ``itertools.cycle`` to get endless batches. The
# dataset augments each sample with a random number.

# sphinx_gallery_tags = ["same in every epoch", "training loop", "memory"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["cycled_batches", "endless_batches"]

import itertools
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler


class Augmented(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return index, torch.rand(()).item()


loader = DataLoader(Augmented(), batch_size=4, shuffle=True)


def cycled_batches(loader):
    return itertools.cycle(loader)


broken = partial(cycled_batches, loader)


def read_passes(batches, count=3):
    """Return the indices and random numbers of the first passes."""
    return [
        [
            (index.item(), draw.item())
            for indices, draws in itertools.islice(batches, 3)
            for index, draw in zip(indices, draws, strict=True)
        ]
        for _ in range(count)
    ]


if __name__ == "__main__":
    broken_passes = read_passes(broken())
    distinct = len(set(map(tuple, broken_passes)))
    print("broken:", distinct, "distinct pass of 3")
    for number, samples in enumerate(broken_passes):
        print(
            f"pass {number}:", *(f"{i}+{d:.2f}" for i, d in samples[:5]), "..."
        )
    assert broken_passes[0] == broken_passes[1] == broken_passes[2]

# %%
# Why
# ---
# ``itertools.cycle`` iterates the loader once, stores the batches, and replays them. The
# loader never shuffles or augments again. All batches of the first epoch stay in memory.


class Large(Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        return bytes(10_000)


def memory_after(batches, count):
    tracemalloc.start()
    for _ in itertools.islice(batches, count):
        pass
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1e6


def new_pass_each_time(loader):
    while True:
        yield from loader


if __name__ == "__main__":
    large = DataLoader(Large(), batch_size=None)
    stored = memory_after(itertools.cycle(large), 100)
    not_stored = memory_after(new_pass_each_time(large), 100)
    print(
        f"memory after 100 samples of 10 kB: cycle {stored:.2f} MB,", end=" "
    )
    print(f"new passes {not_stored:.2f} MB")
    assert stored > 1.0
    assert not_stored < 0.1

# %%
# ``zip(long_loader, cycle(short_loader))`` replays the short loader in the same way.

if __name__ == "__main__":
    long_loader = DataLoader(range(24), batch_size=4)
    pairs = list(zip(long_loader, itertools.cycle(loader)))
    (_, first), (_, repeated) = pairs[0], pairs[3]
    print("second pass equals first:", torch.equal(first[1], repeated[1]))
    assert torch.equal(first[1], repeated[1])

# %%
# The fix
# -------
# Start a new pass over the loader after each epoch. Three lines are enough.


def endless_batches(loader):
    while True:
        yield from loader


fixed = partial(endless_batches, loader)

if __name__ == "__main__":
    fixed_passes = read_passes(fixed())
    print("fixed:", len(set(map(tuple, fixed_passes))), "distinct passes of 3")
    draws = [draw for samples in fixed_passes for _, draw in samples]
    assert len(set(draws)) >= 34
    for samples in fixed_passes:
        assert sorted(index for index, _ in samples) == list(range(12))

# %%
# :func:`dejabatch.forever` also calls the ``set_epoch`` of a ``DistributedSampler`` before
# each pass. If a pass has no batch, ``dejabatch.forever`` raises instead of looping
# forever.

import dejabatch

if __name__ == "__main__":
    samples = read_passes(dejabatch.forever(loader))
    assert samples[0] != samples[1] != samples[2]

    sampler = DistributedSampler(range(4), num_replicas=1, rank=0)
    list(
        itertools.islice(
            dejabatch.forever(DataLoader(range(4), sampler=sampler)), 9
        )
    )
    assert sampler.epoch == 2

    message = ""
    try:
        next(dejabatch.forever(DataLoader([])))
    except RuntimeError as error:
        message = str(error)
    print("RuntimeError:", message)
    assert "no batch" in message

# %%
# Proof
# -----
# Compare the rows of a picture. A row is one pass over the data.


def plot(broken_passes, fixed_passes):
    _, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, passes in (
        (axes[0], "broken: itertools.cycle", broken_passes),
        (axes[1], "fixed: a new pass each time", fixed_passes),
    ):
        table = np.array([[draw for _, draw in samples] for samples in passes])
        ax.imshow(table, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for row, samples in enumerate(passes):
            for column, (index, draw) in enumerate(samples):
                colour = "white" if draw < 0.5 else "black"
                ax.text(
                    column, row, index, ha="center", va="center", color=colour
                )
        ax.set(title=name, ylabel="pass", xticks=[], yticks=range(3))
    plt.show()


if __name__ == "__main__":
    plot(broken_passes, fixed_passes)

# %%
# Find it in your code
# --------------------
# Search your code for ``cycle(``, or run ``python -m dejabatch lint`` on it. Here the lint
# reads this page.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        places = lint_paths([script])
        for place in places:
            print(f"line {place.line}: {place.slug}")
        assert {place.slug for place in places} == {"itertools-cycle"}

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on a function
# that returns your batches. The report names the failure.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("itertools-cycle", "loader")
    ]
    assert not dejabatch.audit(fixed).findings

# %%
# See also
# --------
# * Each step starts a new pass:
#   :doc:`/gallery/3_order/plot_next_iter_in_the_loop`.
# * The dataset caches augmented samples:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * :func:`itertools.cycle`, whose documentation says that it saves a copy.
# * `pytorch/pytorch#23900 <https://github.com/pytorch/pytorch/issues/23900>`__, where
#   users report this failure.
