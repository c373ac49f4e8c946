# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
The DataLoader returns the same features for every sample
=========================================================

A dataset that does not use its index has one sample, however long it says it is.

* **You see:** Every row of every batch is the same. Shuffling changes nothing, and
  neither does the number of workers.
* **Because:** ``__getitem__`` does not use its index and always returns the same stored
  sample.
* **Do:** Read the sample that belongs to the index: ``return self.features[index]``.
"""

# %%
# See it happen
# -------------
# This dataset says that it holds 100 samples. It stores a single vector and returns it
# for every index.

# sphinx_gallery_tags = ["same in every batch", "dataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset


class OneVector(Dataset):
    def __init__(self, length=100):
        self.length = length
        self.features = torch.rand(10)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.features  # index is never used


broken = DataLoader(OneVector(), batch_size=8, shuffle=True, num_workers=2)


def count_distinct(loader):
    return len({tuple(row.tolist()) for batch in loader for row in batch})


if __name__ == "__main__":
    broken_batch = next(iter(broken))
    print(broken_batch[:, :4])
    for shuffle in (False, True):
        for num_workers in (0, 2):
            loader = DataLoader(
                broken.dataset, shuffle=shuffle, num_workers=num_workers
            )
            distinct = count_distinct(loader)
            print(f"{shuffle=}, {num_workers=}: {distinct} distinct of 100")
            assert distinct == 1

# %%
# Why
# ---
# The DataLoader draws indices from its sampler and asks the dataset for each. A dataset
# that returns the index itself shows them: all 100, in random order. What comes back for
# an index is up to ``__getitem__`` alone, so ``shuffle=True`` only shuffles the
# questions.


class Echo(OneVector):
    def __getitem__(self, index):
        return index


if __name__ == "__main__":
    asked = torch.cat(list(DataLoader(Echo(), shuffle=True))).tolist()
    print("first indices asked for:", asked[:8])
    assert sorted(asked) == list(range(100))
    assert asked != sorted(asked)

# %%
# Three more ways to write the same bug, each with its 100 vectors stored correctly: a
# fixed index, a variable that a loop in ``__init__`` left behind, and a random position
# that is drawn once.


class Rows(Dataset):
    def __init__(self):
        self.features = torch.rand(100, 10)
        for i in range(100):
            self.i = i  # left over, for example, from a check of the files
        self.position = int(torch.randint(100, ()))

    def __len__(self):
        return len(self.features)


class FixedIndex(Rows):
    def __getitem__(self, index):
        return self.features[0]


class LeftOverVariable(Rows):
    def __getitem__(self, index):
        return self.features[self.i]


class PositionDrawnOnce(Rows):
    def __getitem__(self, index):
        return self.features[self.position]


if __name__ == "__main__":
    for variant in (FixedIndex, LeftOverVariable, PositionDrawnOnce):
        distinct = count_distinct(DataLoader(variant(), shuffle=True))
        print(f"{variant.__name__:18}{distinct} distinct of 100")
        assert distinct == 1

# %%
# The fix
# -------
# Store what belongs to each index and look it up by the index.


class OneVectorForEachIndex(Dataset):
    def __init__(self, length=100):
        self.features = torch.rand(length, 10)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


fixed = DataLoader(
    OneVectorForEachIndex(), batch_size=8, shuffle=True, num_workers=2
)

if __name__ == "__main__":
    fixed_batch = next(iter(fixed))
    print(fixed_batch[:, :4])
    distinct = count_distinct(fixed)
    print(f"{distinct} distinct samples of {len(fixed.dataset)}")
    assert distinct == len(fixed.dataset)

# %%
# Proof
# -----
# One batch of each loader. A row is a sample, a column is a feature, the colour is the
# feature's value.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
    batches = {
        "broken: eight times the same row": broken_batch,
        "fixed: eight samples": fixed_batch,
    }
    for ax, (title, batch) in zip(axes, batches.items(), strict=True):
        ax.imshow(batch, vmin=0, vmax=1, cmap="cividis")
        ax.set(title=title, xlabel="feature", ylabel="sample in the batch")
        ax.set(xticks=range(10), yticks=range(8))
    plt.show()

# %%
# Find it in your code
# --------------------
# Leave the DataLoader out and compare a few samples of the dataset itself. A sample may
# be a tensor, an array, or a tuple or dict of them.


def content(x):
    """Copy a sample into something that can be compared."""
    if isinstance(x, dict):
        return [(key, content(value)) for key, value in x.items()]
    if isinstance(x, (list, tuple)):
        return [content(value) for value in x]
    return x.tolist() if hasattr(x, "tolist") else x


def same_for_first_indices(dataset):
    first, *others = (content(dataset[i]) for i in range(min(5, len(dataset))))
    return all(other == first for other in others)


if __name__ == "__main__":
    print("broken:", same_for_first_indices(broken.dataset))
    print("fixed: ", same_for_first_indices(fixed.dataset))
    assert same_for_first_indices(broken.dataset)
    assert not same_for_first_indices(fixed.dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("getitem-ignores-index", "dataset.__getitem__")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The samples do differ, but each worker crops and flips them alike:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * What a map-style dataset promises: :class:`torch.utils.data.Dataset` and
#   :class:`torch.utils.data.DataLoader` in PyTorch's documentation.
