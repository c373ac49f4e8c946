# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
DataLoader with num_workers > 1 duplicates some samples and skips others
========================================================================

A dataset that counts its calls has a separate counter in each worker.

* **You see:** With ``num_workers=0``, every sample comes once. With two workers, half
  of the samples come twice and the other half never.
* **Because:** ``__getitem__`` counts its calls instead of using the index, and each
  worker has its own counter.
* **Do:** Use the index: ``return self.features[index]``.
"""

# %%
# See it happen
# -------------
# This dataset ignores the index and returns its samples in the order of storage.
# Without workers, every sample comes once.

# sphinx_gallery_tags = ["repeated samples", "same across workers", "dataset"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

SAMPLES = 16


class Features(Dataset):
    def __init__(self):
        self.features = torch.arange(SAMPLES)
        self.position = 0

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        sample = self.features[self.position % SAMPLES]
        self.position += 1  # index is unused
        return sample


broken = DataLoader(Features(), batch_size=2, num_workers=2)


def epoch(dataset, **arguments):
    batches = DataLoader(dataset, batch_size=2, **arguments)
    return torch.cat(list(batches)).tolist()


if __name__ == "__main__":
    distinct = len(set(torch.cat(list(broken)).tolist()))
    print("broken:", distinct, "distinct of", SAMPLES, "samples in an epoch")
    for num_workers in (0, 2, 4):
        seen = epoch(Features(), num_workers=num_workers)
        times = Counter(seen)
        print(
            f"{num_workers} workers: {len(times):2} of {SAMPLES} samples,",
            f"each {max(times.values())}x",
        )
        copies = max(1, num_workers)
        expected = dict.fromkeys(range(SAMPLES // copies), copies)
        assert times == expected

# %%
# Why
# ---
# Each worker has a copy of the dataset with its own counter, which starts at 0. Each of
# two workers makes half of the batches, and both return the first half of the samples.
# The next epoch starts new workers at 0 and misses the second half again.
#
# .. code-block:: text
#
#    indices     0 1   2 3   4 5   6 7  ...
#    worker 0    0 1         2 3        ...   returns samples 0, 1, 2, 3
#    worker 1          0 1         2 3  ...   returns samples 0, 1, 2, 3
#
# Shuffling has no effect, because ``__getitem__`` ignores the index. Without workers,
# the counter continues from epoch to epoch. An epoch that stops early therefore shifts
# the next epoch.

if __name__ == "__main__":
    epochs = [set(torch.cat(list(broken)).tolist()) for _ in range(2)]
    assert epochs == [set(range(SAMPLES // 2))] * 2

    shuffled = epoch(Features(), shuffle=True)
    print("shuffle=True:", shuffled)
    assert shuffled == list(range(SAMPLES))

    dataset = Features()
    next(iter(DataLoader(dataset, batch_size=3)))
    print("next epoch after one batch:", epoch(dataset))
    assert epoch(dataset)[0] == 3

# %%
# The fix
# -------
# Look up the sample by its index, and remove the counter.


class UsesTheIndex(Dataset):
    def __init__(self):
        self.features = torch.arange(SAMPLES)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


fixed = DataLoader(UsesTheIndex(), batch_size=2, num_workers=2)

if __name__ == "__main__":
    distinct = len(set(torch.cat(list(fixed)).tolist()))
    print("fixed:", distinct, "distinct of", SAMPLES, "samples in an epoch")
    for num_workers in (0, 2, 4):
        seen = epoch(UsesTheIndex(), shuffle=True, num_workers=num_workers)
        assert sorted(seen) == list(range(SAMPLES))
        assert seen != sorted(seen)

# %%
# If the data can only be read from front to back, write a
# :class:`torch.utils.data.IterableDataset`. Split the stream between the workers in
# ``__iter__``: :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.

# %%
# Proof
# -----
# Each number counts how often one epoch returns the sample. It must be 1.


def plot():
    _, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
    for ax, title, dataset in (
        (axes[0], "broken", Features),
        (axes[1], "fixed", UsesTheIndex),
    ):
        counts = torch.zeros(3, SAMPLES)
        for row, num_workers in enumerate((0, 2, 4)):
            for sample in epoch(dataset(), num_workers=num_workers):
                counts[row, sample] += 1
        ax.imshow(counts, vmin=0, vmax=4, cmap="cividis", aspect="auto")
        for row in range(3):
            for sample, count in enumerate(counts[row].int().tolist()):
                colour = "black" if count > 2 else "white"
                ax.text(
                    sample, row, count, color=colour, ha="center", va="center"
                )
        ax.set(title=title, xlabel="sample", xticks=[])
        ax.set_yticks(range(3), ["0 workers", "2 workers", "4 workers"])
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Create the dataset and read one index twice, without a DataLoader. Without random
# augmentation, both samples must be equal.


def same_twice(dataset, index=3):
    return torch.equal(dataset[index], dataset[index])


if __name__ == "__main__":
    print("broken:", same_twice(Features()))
    print("fixed: ", same_twice(UsesTheIndex()))
    assert not same_twice(Features())
    assert same_twice(UsesTheIndex())

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("stateful-cursor", "dataset.position")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The order is right, but the same index returns other values in every epoch:
#   :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`.
# * All indices return the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * PyTorch's documentation of map-style datasets: :class:`torch.utils.data.Dataset`.
