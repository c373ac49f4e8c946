# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Subset of a Subset returns the wrong samples
============================================

Indices of the whole dataset mean other samples when you apply them to a subset.

* **You see:** A split of a split raises an ``IndexError``, or returns other samples
  without an error.
* **Because:** The indices of a ``Subset`` are positions in the dataset that it wraps,
  here another ``Subset``.
* **Do:** Take the subset of the whole dataset: ``Subset(dataset, indices)``.
"""

# %%
# See it happen
# -------------
# A split divides a dataset of four classes into training and validation. You want the
# training samples of one class. The code takes their indices from ``train.indices``, to
# keep validation samples out.

# sphinx_gallery_tags = ["wrong samples", "dataset", "split"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

labels = [label for label in range(4) for _ in range(1000)]
dataset = TensorDataset(torch.arange(4000), torch.tensor(labels))
train, validation = random_split(
    dataset, [0.8, 0.2], generator=torch.Generator().manual_seed(0)
)


def wanted(label):
    return [index for index in train.indices if labels[index] == label]


def load(subset):
    return DataLoader(subset, batch_size=50, shuffle=True)


def labels_of(loader):
    return Counter(label for _, batch in loader for label in batch.tolist())


broken = load(Subset(train, wanted(0)))

if __name__ == "__main__":
    broken_labels = labels_of(broken)
    total = broken_labels.total()
    print("broken:", broken_labels[0], "of", total, "samples have class 0")
    assert broken_labels.total() == len(wanted(0))
    assert broken_labels[0] < broken_labels.total() / 2
    assert len(broken_labels) == 4

# %%
# The number of samples is right, and the code raises no error. Only the last class raises
# an ``IndexError``, because ``train`` has too few samples for its indices.

if __name__ == "__main__":
    name = ""
    try:
        labels_of(load(Subset(train, wanted(3))))
    except IndexError as error:
        name = type(error).__name__
    print(f"class 3: {name}; index {max(wanted(3))} of {len(train)} samples")
    assert name == "IndexError"
    assert max(wanted(0)) < len(train) <= max(wanted(3))

# %%
# Why
# ---
# ``Subset(train, indices)[k]`` is ``dataset[train.indices[indices[k]]]``: the subset looks
# up the index in ``train.indices`` a second time. The result is another sample, without an
# error as long as the index is below ``len(train)``.

if __name__ == "__main__":
    index = wanted(0)[0]
    number = int(broken.dataset[0][0])
    print(f"wanted sample {index}, got sample {number}")
    assert number == train.indices[index]

    # random_split may split a subset: its indices are positions in that subset.
    seeded = torch.Generator().manual_seed(1)
    first, second = random_split(train, [0.5, 0.5], generator=seeded)
    assert sorted([*first.indices, *second.indices]) == list(range(3200))

# %%
# The fix
# -------
# Apply indices of the whole dataset to the whole dataset.

fixed = load(Subset(dataset, wanted(0)))

if __name__ == "__main__":
    right = labels_of(fixed)[0]
    print("fixed:", right, "of", len(wanted(0)), "samples have class 0")
    assert labels_of(fixed) == {0: len(wanted(0))}

# %%
# Or keep the subset of ``train`` and use positions in ``train`` as its indices.

if __name__ == "__main__":
    positions = [
        position
        for position, index in enumerate(train.indices)
        if labels[index] == 0
    ]
    assert labels_of(load(Subset(train, positions))) == {0: len(wanted(0))}

# %%
# Proof
# -----
# Points on the line are right: the loader returns the wanted sample.


def returned_samples(subset):
    return [int(subset[position][0]) for position in range(len(subset))]


def plot():
    _, axes = plt.subplots(
        1, 2, figsize=(8, 3.2), sharey=True, layout="constrained"
    )
    for ax, name, loader, marker in (
        (axes[0], "broken", broken, "x"),
        (axes[1], "fixed", fixed, "o"),
    ):
        returned = returned_samples(loader.dataset)
        right = sum(a == b for a, b in zip(wanted(0), returned, strict=True))
        ax.scatter(wanted(0), returned, 6, marker=marker, linewidth=0.6)
        for border in (1000, 2000, 3000):
            ax.axhline(border, linestyle="--", linewidth=0.8, color="gray")
        ax.set(title=f"{name}: {right} right")
        ax.set(xlabel="wanted sample", xlim=(0, 1000), ylim=(0, 4000))
    axes[0].set(ylabel="returned sample")
    axes[0].set_yticks(
        range(500, 4000, 1000), [f"class {label}" for label in range(4)]
    )
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Translate the indices to the whole dataset, and compare them with the wanted indices.


def indices_in_whole_dataset(subset):
    indices = range(len(subset))
    while isinstance(subset, Subset):
        indices = [subset.indices[index] for index in indices]
        subset = subset.dataset
    return indices


if __name__ == "__main__":
    for name, loader in (("broken", broken), ("fixed", fixed)):
        found = set(indices_in_whole_dataset(loader.dataset))
        right = len(found & set(wanted(0)))
        print(f"{name}: {right} of {len(found)} are wanted")
    assert set(indices_in_whole_dataset(fixed.dataset)) == set(wanted(0))
    assert set(indices_in_whole_dataset(broken.dataset)) != set(wanted(0))

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged. The audit reports a
# subset whose indices all appear in ``train.indices``. For a few indices, that may be
# chance, and the audit reports nothing.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("subset-of-a-subset", "dataset.indices")
    ]
    assert dejabatch.audit(fixed).ok

    few = load(Subset(train, wanted(0)[:10]))
    assert dejabatch.audit(few).ok

# %%
# See also
# --------
# * The samples are right, but both parts of a split share a transform:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
# * Each start of the program splits the data differently:
#   :doc:`/gallery/3_order/plot_samples_in_both_loaders`.
# * The indices are right, but every index returns the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * :class:`torch.utils.data.Subset` and :func:`torch.utils.data.random_split`.
