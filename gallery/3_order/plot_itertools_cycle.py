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
From the second epoch on, the first one is played back
======================================================

itertools.cycle keeps every batch of the first pass and hands them out again.

* **You see:** Samples, augmentations and order of all epochs are the same, and memory
  grows during the first.
* **Because:** ``itertools.cycle(loader)`` stores the batches of the first pass and
  repeats them.
* **Do:** Iterate the loader anew for each pass, as ``dejabatch.forever(loader)`` does.
"""

# %%
# See it happen
# -------------
# The loop needs batches without an end, and ``itertools.cycle`` gives them. The samples
# are augmented: a random number is added to each.

# sphinx_gallery_tags = ["same in every epoch", "training loop", "memory"]
# sphinx_gallery_parallel = False

import itertools
import sys
import tracemalloc
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


def passes(batches, count=3):
    """Return the indices and draws of three passes."""
    return [
        [
            (index.item(), draw.item())
            for indices, draws in itertools.islice(batches, 3)
            for index, draw in zip(indices, draws, strict=True)
        ]
        for _ in range(count)
    ]


if __name__ == "__main__":
    broken = itertools.cycle(loader)
    same = passes(broken)
    for number, samples in enumerate(same):
        print(
            f"pass {number}:", *(f"{i}+{d:.2f}" for i, d in samples[:5]), "..."
        )
    assert same[0] == same[1] == same[2]

# %%
# Why
# ---
# ``itertools.cycle`` iterates the loader once, stores what comes, and then plays it back.
# The loader is never asked again: no new order, no new augmentation. And all batches of
# the first epoch stay in memory.


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


def again_and_again(loader):
    while True:
        yield from loader


if __name__ == "__main__":
    large = DataLoader(Large(), batch_size=None)
    stored = memory_after(itertools.cycle(large), 100)
    not_stored = memory_after(again_and_again(large), 100)
    print(
        f"memory after 100 samples of 10 kB: cycle {stored:.2f} MB,", end=" "
    )
    print(f"a new pass each time {not_stored:.2f} MB")
    assert stored > 1.0
    assert not_stored < 0.1

# %%
# The same happens where a short loader is put beside a long one:
# ``zip(long_loader, cycle(short_loader))`` plays the short one back.

if __name__ == "__main__":
    long_loader = DataLoader(range(24), batch_size=4)
    pairs = list(zip(long_loader, itertools.cycle(loader)))
    (_, first), (_, repeated) = pairs[0], pairs[3]
    print("its second pass is its first:", torch.equal(first[1], repeated[1]))
    assert torch.equal(first[1], repeated[1])

# %%
# The fix
# -------
# Begin a new pass over the loader when the last has ended. Three lines are enough.


def batches_without_end(loader):
    while True:
        yield from loader


if __name__ == "__main__":
    different = passes(batches_without_end(loader))
    for number, samples in enumerate(different):
        print(
            f"pass {number}:", *(f"{i}+{d:.2f}" for i, d in samples[:5]), "..."
        )
    draws = [draw for samples in different for _, draw in samples]
    assert len(set(draws)) >= 34
    for samples in different:
        assert sorted(index for index, _ in samples) == list(range(12))

# %%
# Samplers that have a ``set_epoch``, as for several ranks, have to be told about each
# pass, and where a pass has no batch the three lines go round without an end.
# :func:`dejabatch.forever` tells them, and raises.

import dejabatch

if __name__ == "__main__":
    samples = passes(dejabatch.forever(loader))
    assert samples[0] != samples[1] != samples[2]

    told = DistributedSampler(range(4), num_replicas=1, rank=0)
    list(
        itertools.islice(
            dejabatch.forever(DataLoader(range(4), sampler=told)), 9
        )
    )
    assert told.epoch == 2

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
# What was added to each sample, in the order in which they came.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, three in (
        (axes[0], "broken: cycle", same),
        (axes[1], "fixed: a new pass", different),
    ):
        table = np.array([[draw for _, draw in samples] for samples in three])
        ax.imshow(table, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for row, samples in enumerate(three):
            for column, (index, draw) in enumerate(samples):
                colour = "white" if draw < 0.5 else "black"
                ax.text(
                    column, row, index, ha="center", va="center", color=colour
                )
        ax.set(title=name, ylabel="pass", xticks=[], yticks=range(3))
    plt.show()

# %%
# Find it in your code
# --------------------
# Search for ``cycle(``. ``python -m dejabatch lint`` does that for the loaders that a file
# makes; here it reads this page.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        places = lint_paths([script])
        for place in places:
            print(f"line {place.line}: {place.slug}")
        assert {place.slug for place in places} == {"itertools-cycle"}

# %%
# See also
# --------
# * Each step begins a new pass:
#   :doc:`/gallery/3_order/plot_next_iter_in_the_loop`.
# * The augmentation is stored in the dataset:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * :func:`itertools.cycle`, which says that it keeps a copy, and `pytorch/pytorch#23900
#   <https://github.com/pytorch/pytorch/issues/23900>`__, where others met it.
