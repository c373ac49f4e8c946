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
All samples in a batch are copies of the last sample
====================================================

A dataset that refills one buffer returns the same object for every sample.

* **You see:** All rows of a batch are the same: each row is the last sample of the
  batch.
* **Because:** The dataset overwrites one buffer for each sample and returns the same
  object every time.
* **Do:** Return a copy: ``return self.buffer.clone()``.
"""

# %%
# See it happen
# -------------
# To save memory, this dataset copies each sample into one buffer and returns the
# buffer.

# sphinx_gallery_tags = ["same in every batch", "dataset", "memory"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class BufferedRows(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)
        self.buffer = torch.empty(10)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        self.buffer.copy_(self.features[index])
        return self.buffer


broken = DataLoader(BufferedRows(), batch_size=4)


def is_last_sample_repeated(batch, features, last):
    return all(torch.equal(row, features[last]) for row in batch)


if __name__ == "__main__":
    features = broken.dataset.features
    broken_batch = next(iter(broken))
    distinct = len(broken_batch.unique(dim=0))
    print("broken:", distinct, "distinct of 4 samples in a batch")
    assert is_last_sample_repeated(broken_batch, features, last=3)

    # A worker makes the same batch.
    batch = next(iter(DataLoader(broken.dataset, batch_size=4, num_workers=1)))
    assert is_last_sample_repeated(batch, features, last=3)

# %%
# Why
# ---
# The DataLoader collects the samples of a batch in a list, then copies the list into
# one tensor. Here the list holds the same buffer four times. When the DataLoader copies
# the list, the buffer holds the last sample.

if __name__ == "__main__":
    samples = next(
        iter(DataLoader(broken.dataset, batch_size=4, collate_fn=list))
    )
    print("distinct objects in the list:", len({id(s) for s in samples}))
    assert len(samples) == 4
    assert len({id(sample) for sample in samples}) == 1
    assert torch.equal(samples[0], features[3])

# %%
# Refilling one NumPy array or one dict has the same result.


class OneArray(BufferedRows):
    def __getitem__(self, index):
        array = self.buffer.numpy()
        np.copyto(array, self.features[index].numpy())
        return array


class OneDict(BufferedRows):
    def __init__(self):
        super().__init__()
        self.sample = {}

    def __getitem__(self, index):
        self.sample["x"] = self.features[index]
        return self.sample


if __name__ == "__main__":
    dataset = OneArray()
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert is_last_sample_repeated(batch, dataset.features, last=3)
    dataset = OneDict()
    batch = next(iter(DataLoader(dataset, batch_size=4)))["x"]
    assert is_last_sample_repeated(batch, dataset.features, last=3)
    print("array and dict: 4 copies of the last sample")

# %%
# With ``batch_size=None``, the worker sends the buffer's own memory and continues to
# write into it. Every delivered sample then ends up with the same values.

if __name__ == "__main__":
    unbatched = DataLoader(BufferedRows(), batch_size=None, num_workers=1)
    delivered = list(unbatched)
    distinct = len({tuple(sample.tolist()) for sample in delivered})
    print(f"{len(delivered)} samples kept in a list, {distinct} distinct")
    assert distinct == 1

# %%
# The fix
# -------
# Return a copy, or build each sample without a buffer. For a NumPy array, call
# ``.copy()``. For a dict, create a new dict: ``return {"x": ...}``.


class Copies(BufferedRows):
    def __getitem__(self, index):
        self.buffer.copy_(self.features[index])
        return self.buffer.clone()


fixed = DataLoader(Copies(), batch_size=4)

if __name__ == "__main__":
    fixed_batch = next(iter(fixed))
    distinct = len(fixed_batch.unique(dim=0))
    print("fixed:", distinct, "distinct of 4 samples in a batch")
    assert torch.equal(fixed_batch, fixed.dataset.features[:4])

    unbatched = DataLoader(Copies(), batch_size=None, num_workers=1)
    assert torch.equal(
        torch.stack(list(unbatched)), unbatched.dataset.features
    )

# %%
# Proof
# -----
# Compare the rows of the two batches. A row is a sample, and a column is a feature.


def plot(broken_batch, fixed_batch):
    _, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
    for ax, title, batch in (
        (axes[0], "broken: 4 copies of one", broken_batch),
        (axes[1], "fixed: 4 samples", fixed_batch),
    ):
        ax.imshow(batch, vmin=0, vmax=1, cmap="cividis")
        ax.set(title=title, xlabel="feature", ylabel="sample")
        ax.set(xticks=range(10), yticks=range(4))
    plt.show()


if __name__ == "__main__":
    plot(broken_batch, fixed_batch)

# %%
# Find it in your code
# --------------------
# Read one sample, read another sample, and check whether the first sample has changed.
# The check needs no DataLoader.


def sample_is_unchanged_by_next_read(dataset):
    sample = dataset[0]
    before = sample.clone()
    dataset[1]
    return torch.equal(sample, before)


if __name__ == "__main__":
    print("broken:", sample_is_unchanged_by_next_read(broken.dataset))
    print("fixed: ", sample_is_unchanged_by_next_read(fixed.dataset))
    assert not sample_is_unchanged_by_next_read(broken.dataset)
    assert sample_is_unchanged_by_next_read(fixed.dataset)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("reused-buffer", "dataset.buffer")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The rows of a batch are equal, but each sample is a separate object:
#   :doc:`/gallery/1_sample/plot_collate_repeats_one_sample`.
# * The stored data changes as well:
#   :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`.
# * PyTorch's documentation of how samples become a batch:
#   :func:`torch.utils.data.default_collate`.
