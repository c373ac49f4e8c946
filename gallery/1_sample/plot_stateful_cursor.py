# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Every sample comes twice with two workers
=========================================

A dataset that counts its calls has one counter in each worker.

* **You see:** Without workers all is well. With two, half of the samples come twice,
  and the others never.
* **Because:** The dataset counts its calls instead of using the index, and each worker
  counts for itself.
* **Do:** Use the index: ``return self.features[index]``.
"""

# %%
# See it happen
# -------------
# The dataset returns its first sample, then its second, and so on, whatever index it is
# asked for. In one process nothing seems wrong.

# sphinx_gallery_tags = ["repeated samples", "same across workers", "dataset"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

SAMPLES = 16


class CountsItsCalls(Dataset):
    def __init__(self):
        self.features = torch.arange(SAMPLES)
        self.position = 0

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        sample = self.features[self.position % SAMPLES]
        self.position += 1  # index is never used
        return sample


broken = DataLoader(CountsItsCalls(), batch_size=2, num_workers=2)


def epoch(dataset, **arguments):
    batches = DataLoader(dataset, batch_size=2, **arguments)
    return torch.cat(list(batches)).tolist()


if __name__ == "__main__":
    for num_workers in (0, 2, 4):
        seen = epoch(CountsItsCalls(), num_workers=num_workers)
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
# Each worker has a copy of the dataset, and so a counter of its own that begins at 0.
# With two workers, each makes half of the batches, and both make them of the first half
# of the samples. The other half is not seen in this epoch, nor in the next one, whose new
# workers begin at 0 again.
#
# .. code-block:: text
#
#    indices     0 1   2 3   4 5   6 7  ...
#    worker 0    0 1         2 3        ...   counts 0, 1, 2, 3
#    worker 1          0 1         2 3  ...   counts 0, 1, 2, 3, too
#
# Shuffling has no effect, since the shuffled indices are ignored. And where the counter
# lives on, as it does without workers, an epoch that is cut short moves the next one.

if __name__ == "__main__":
    epochs = [set(torch.cat(list(broken)).tolist()) for _ in range(2)]
    assert epochs == [set(range(SAMPLES // 2))] * 2

    shuffled = epoch(CountsItsCalls(), shuffle=True)
    print("shuffle=True:     ", shuffled)
    assert shuffled == list(range(SAMPLES))

    dataset = CountsItsCalls()
    next(iter(DataLoader(dataset, batch_size=3)))
    print("after one batch:  ", epoch(dataset))
    assert epoch(dataset)[0] == 3

# %%
# The fix
# -------
# The index says which sample is meant. Nothing has to be counted.


class UsesTheIndex(Dataset):
    def __init__(self):
        self.features = torch.arange(SAMPLES)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


fixed = DataLoader(UsesTheIndex(), batch_size=2, num_workers=2)

if __name__ == "__main__":
    for num_workers in (0, 2, 4):
        seen = epoch(UsesTheIndex(), shuffle=True, num_workers=num_workers)
        print(f"{num_workers} workers: {seen}")
        assert sorted(seen) == list(range(SAMPLES))
        assert seen != sorted(seen)

# %%
# If the data can only be read from front to back, the dataset is a stream: make it a
# :class:`torch.utils.data.IterableDataset`, and split it between the workers in
# ``__iter__``: :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.

# %%
# Proof
# -----
# How often each sample came in one epoch.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
    for ax, title, dataset in (
        (axes[0], "broken: half of them never", CountsItsCalls),
        (axes[1], "fixed: each once", UsesTheIndex),
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

# %%
# Find it in your code
# --------------------
# Leave the DataLoader out and ask for one index twice. If no augmentation is random, the
# answers are the same. Use a dataset that has not been read from yet.


def same_twice(dataset, index=3):
    return torch.equal(dataset[index], dataset[index])


if __name__ == "__main__":
    print("broken:", same_twice(CountsItsCalls()))
    print("fixed: ", same_twice(UsesTheIndex()))
    assert not same_twice(CountsItsCalls())
    assert same_twice(UsesTheIndex())

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * The same index gives other features each time, and the order is right:
#   :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`.
# * All indices give the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * What a map-style dataset promises: :class:`torch.utils.data.Dataset`.
