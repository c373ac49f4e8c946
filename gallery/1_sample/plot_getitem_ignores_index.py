# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
DataLoader returns the same sample for every index
==================================================

A dataset that ignores its index returns one sample, whatever length it reports.

* **You see:** Every row of every batch is the same. Shuffling or changing
  ``num_workers`` does not help.
* **Because:** ``__getitem__`` ignores its index and returns the same stored sample
  every time.
* **Do:** Look up the sample by its index: ``return self.features[index]``.
"""

# %%
# See it happen
# -------------
# This dataset reports 100 samples, but returns one stored vector for every index.

# sphinx_gallery_tags = ["same in every batch", "dataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset


class Vectors(Dataset):
    def __init__(self, length=100):
        self.length = length
        self.features = torch.rand(10)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.features  # index is unused


broken = DataLoader(Vectors(), batch_size=8, shuffle=True, num_workers=2)


def count_distinct(loader):
    return len({tuple(row.tolist()) for batch in loader for row in batch})


if __name__ == "__main__":
    broken_batch = next(iter(broken))
    print("broken:", count_distinct(broken), "distinct of 100 samples")
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
# The DataLoader draws indices from its sampler and calls ``dataset[index]`` for each
# index. ``Echo`` returns the index itself and shows that the DataLoader requests all
# 100 indices, in random order. ``__getitem__`` alone decides what an index returns, so
# ``shuffle=True`` only shuffles the requests.


class Echo(Vectors):
    def __getitem__(self, index):
        return index


if __name__ == "__main__":
    requested = torch.cat(list(DataLoader(Echo(), shuffle=True))).tolist()
    print("first requested indices:", requested[:8])
    assert sorted(requested) == list(range(100))
    assert requested != sorted(requested)

# %%
# These three datasets store 100 vectors, but return one vector for every index.
# ``FixedIndex`` reads row 0. ``LeftOverVariable`` reads the row where a loop in
# ``__init__`` ended. ``PositionDrawnOnce`` reads one random row, drawn in ``__init__``.


class Rows(Dataset):
    def __init__(self):
        self.features = torch.rand(100, 10)
        for i in range(100):
            self.i = i  # the loop leaves i at 99
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
# Store one sample for each index, and look up the sample by its index.


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
    distinct = count_distinct(fixed)
    print("fixed:", distinct, "distinct of", len(fixed.dataset), "samples")
    assert distinct == len(fixed.dataset)

# %%
# Proof
# -----
# Compare the rows of the two batches. A row is a sample, and a column is a feature.


def plot(broken_batch, fixed_batch):
    _, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
    batches = {
        "broken: 8 copies of one": broken_batch,
        "fixed: 8 samples": fixed_batch,
    }
    for ax, (title, batch) in zip(axes, batches.items(), strict=True):
        ax.imshow(batch, vmin=0, vmax=1, cmap="cividis")
        ax.set(title=title, xlabel="feature", ylabel="sample")
        ax.set(xticks=range(10), yticks=range(8))
    plt.show()


if __name__ == "__main__":
    plot(broken_batch, fixed_batch)

# %%
# Find it in your code
# --------------------
# Compare the first samples of the dataset, without a DataLoader. ``content`` accepts
# tensors, arrays, and tuples or dicts of tensors and arrays.


def content(x):
    """Return a sample as nested lists, which ``==`` can compare."""
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
    pair = torch.tensor([1]), {"y": torch.tensor([2]).numpy()}
    assert content(pair) == [[1], [("y", [2])]]

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

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
# * The samples differ, but each worker augments them in the same way:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * The samples differ, and the model's outputs are equal: :doc:`/symptoms/elsewhere`.
# * PyTorch's documentation of map-style datasets: :class:`torch.utils.data.Dataset` and
#   :class:`torch.utils.data.DataLoader`.
