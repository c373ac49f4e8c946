# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Every sample appears several times in one epoch
===============================================

A dataset whose ``__len__`` is too large returns its samples again.

* **You see:** An epoch takes longer than it should, and the same samples return under
  other indices.
* **Because:** ``__len__`` is larger than the number of samples, and ``__getitem__``
  wraps around at the end.
* **Do:** Return the number of samples: ``return len(self.features)``.
"""

# %%
# See it happen
# -------------
# This dataset reports the length of the raw data. The cleaned data is shorter, and a
# modulo keeps every index in range.

# sphinx_gallery_tags = ["repeated samples", "dataset"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler


class Rows(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)
        self.length = 96  # the raw data has 96 rows

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.features[index % len(self.features)]


broken = DataLoader(Rows(), batch_size=8, shuffle=True)


def count_samples(loader):
    """Count how often each sample comes in one epoch."""
    return Counter(str(row.tolist()) for batch in loader for row in batch)


if __name__ == "__main__":
    times = count_samples(broken)
    print("broken:", len(times), "distinct of", times.total(), "samples")
    assert len(times) == 32
    assert set(times.values()) == {3}

# %%
# Why
# ---
# The samplers of the DataLoader, shuffled or not, call ``len(dataset)`` and draw each
# index below the length once. ``__getitem__`` decides which sample an index returns. If
# the length is too small, the last samples never appear.


class TooShort(Rows):
    def __init__(self):
        super().__init__()
        self.length = 24


if __name__ == "__main__":
    seen = count_samples(DataLoader(TooShort(), batch_size=8))
    print(f"length 24: {len(seen)} of 32 samples appear")
    assert len(seen) == 24

# %%
# A sampler has a length, too. ``len(loader)`` follows it, whatever the sampler yields.


class EveryOther(Sampler):
    def __len__(self):
        return 32

    def __iter__(self):
        return iter(range(0, 32, 2))


if __name__ == "__main__":
    loader = DataLoader(Rows(), batch_size=8, sampler=EveryOther())
    batches = sum(1 for _ in loader)
    print(f"len(loader) is {len(loader)}, and an epoch has {batches} batches")
    assert len(loader) == 4
    assert batches == 2

# %%
# An index table with a small data type also repeats samples. ``uint8`` turns 256 into
# 0. ``float16`` rounds whole numbers above 2048 to even numbers.

if __name__ == "__main__":
    for dtype, size in ((torch.uint8, 300), (torch.float16, 4096)):
        table = torch.arange(size).to(dtype)
        distinct = len(set(table.tolist()))
        print(f"{dtype}: {distinct} distinct of {size} indices")
        assert distinct == (256 if dtype is torch.uint8 else 3073)

# %%
# The fix
# -------
# Return the length of the stored data, and remove the modulo.


class StoredLength(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


fixed = DataLoader(StoredLength(), batch_size=8, shuffle=True)

if __name__ == "__main__":
    times = count_samples(fixed)
    print("fixed:", len(times), "distinct of", times.total(), "samples")
    assert len(times) == times.total() == 32

# %%
# For an epoch that is longer than the data, use a sampler. ``RandomSampler(dataset,
# num_samples=96)`` draws each of the 32 samples three times.

if __name__ == "__main__":
    sampler = torch.utils.data.RandomSampler(fixed.dataset, num_samples=96)
    times = Counter(sampler)
    print(
        "RandomSampler with num_samples=96:", set(times.values()), "times each"
    )
    assert len(times) == 32
    assert set(times.values()) == {3}

# %%
# Proof
# -----
# Each picture shows one epoch in index order, and each row is a sample. The first repeats.


def plot():
    _, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for ax, title, dataset in (
        (axes[0], "broken: 96 rows", broken.dataset),
        (axes[1], "fixed: 32 rows", fixed.dataset),
    ):
        rows = torch.stack([dataset[i] for i in range(len(dataset))])
        ax.imshow(rows, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        ax.set(
            title=title, xlabel="feature", ylabel="index", ylim=(95.5, -0.5)
        )
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Count distinct samples, without random augmentation. Both numbers must be equal.


def distinct_and_length(dataset):
    samples = {str(dataset[i].tolist()) for i in range(len(dataset))}
    return len(samples), len(dataset)


if __name__ == "__main__":
    print("broken:", distinct_and_length(broken.dataset))
    print("fixed: ", distinct_and_length(fixed.dataset))
    assert distinct_and_length(broken.dataset) == (32, 96)
    assert distinct_and_length(fixed.dataset) == (32, 32)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("wrong-length", "dataset.__len__")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * One sample comes too often, and the other samples come once:
#   :doc:`/gallery/1_sample/plot_error_fallback_sample`.
# * The number of copies changes with ``num_workers``:
#   :doc:`/gallery/1_sample/plot_stateful_cursor`.
# * PyTorch's documentation of samplers: :class:`torch.utils.data.DataLoader`.
