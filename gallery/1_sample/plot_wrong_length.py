# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Every sample comes several times in an epoch
============================================

A dataset that says it is longer than it is begins again at its end.

* **You see:** An epoch takes longer than it should, and the same samples come again
  under other indices.
* **Because:** ``__len__`` says more than there is, and ``__getitem__`` begins again at
  its end.
* **Do:** Return the number of samples: ``return len(self.features)``.
"""

# %%
# See it happen
# -------------
# This dataset reads its data from one file and its length from another. So that no index
# is out of range, it begins again at the end.

# sphinx_gallery_tags = ["repeated samples", "dataset"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset


class TooLong(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)
        self.length = 96  # of the raw data, before it was cleaned

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.features[index % len(self.features)]


broken = DataLoader(TooLong(), batch_size=8, shuffle=True)


def count_samples(loader):
    """Count how often each sample comes in an epoch."""
    return Counter(str(row.tolist()) for batch in loader for row in batch)


if __name__ == "__main__":
    times = count_samples(broken)
    print(f"{times.total()} samples in an epoch, {len(times)} distinct")
    assert len(times) == 32
    assert set(times.values()) == {3}

# %%
# Why
# ---
# The loader's own samplers, with ``shuffle`` or without, ask ``len(dataset)`` and nothing
# else. They draw each index below that once, and what an index stands for is up to
# ``__getitem__``. A length that is too small is the
# same failure the other way round: the samples at the end are never asked for.


class TooShort(TooLong):
    def __init__(self):
        super().__init__()
        self.length = 24


if __name__ == "__main__":
    seen = count_samples(DataLoader(TooShort(), batch_size=8))
    print(f"too short: {len(seen)} of 32 samples are ever seen")
    assert len(seen) == 24

# %%
# A table of indices may be too narrow for its numbers. In 8 bits, 256 is 0 again. In 16
# bits of floating point, whole numbers above 2048 are rounded to even ones.

if __name__ == "__main__":
    for dtype, size in ((torch.uint8, 300), (torch.float16, 4096)):
        table = torch.arange(size).to(dtype)
        distinct = len(set(table.tolist()))
        print(f"{dtype}: {distinct} distinct of {size} indices")
        assert distinct == (256 if dtype is torch.uint8 else 3073)

# %%
# The fix
# -------
# Return the length of what is indexed, and leave the modulo out: an index that is out of
# range is then an error and not another sample.


class ItsOwnLength(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


fixed = DataLoader(ItsOwnLength(), batch_size=8, shuffle=True)

if __name__ == "__main__":
    times = count_samples(fixed)
    print(f"{times.total()} samples in an epoch, {len(times)} distinct")
    assert len(times) == times.total() == 32

# %%
# If epochs are to be longer than the data, say so where it can be seen:
# ``RandomSampler(dataset, num_samples=96)`` draws each sample three times.

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
# The samples of one epoch in the order of their indices. A row is a sample.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for ax, title, dataset in (
        (axes[0], "broken: 96 rows, three times the same", broken.dataset),
        (axes[1], "fixed: 32 rows", fixed.dataset),
    ):
        rows = torch.stack([dataset[i] for i in range(len(dataset))])
        ax.imshow(rows, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        ax.set(
            title=title, xlabel="feature", ylabel="index", ylim=(95.5, -0.5)
        )
    plt.show()

# %%
# Find it in your code
# --------------------
# Count equal samples, without a random augmentation. And ask for an index past the
# end: the answer should be an ``IndexError``.


def distinct_and_length(dataset):
    samples = {str(dataset[i].tolist()) for i in range(len(dataset))}
    return len(samples), len(dataset)


def is_out_of_range(dataset):
    try:
        dataset[len(dataset)]
    except IndexError:
        return True
    return False


if __name__ == "__main__":
    print("broken:", distinct_and_length(broken.dataset))
    print("fixed: ", distinct_and_length(fixed.dataset))
    assert distinct_and_length(broken.dataset) == (32, 96)
    assert distinct_and_length(fixed.dataset) == (32, 32)
    assert not is_out_of_range(broken.dataset)
    assert not is_out_of_range(TooShort())
    assert is_out_of_range(fixed.dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * One sample comes too often, and the others do not:
#   :doc:`/gallery/1_sample/plot_error_fallback_sample`.
# * Every sample comes once for each worker:
#   :doc:`/gallery/1_sample/plot_stateful_cursor`.
# * Who asks for the length: :class:`torch.utils.data.DataLoader`.
