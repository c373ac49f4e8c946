# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
A subset of a subset has the wrong samples
==========================================

Indices of the whole dataset are given to a part of it, where they mean other samples.

* **You see:** A split of a split raises an ``IndexError``, or has samples of other
  indices, without an error.
* **Because:** The indices of a ``Subset`` are positions in what it is made of, here the
  first subset, and not in the whole dataset.
* **Do:** Make the subset of the whole dataset: ``Subset(dataset, indices)``.
"""

# %%
# See it happen
# -------------
# A dataset of four classes is split into training and validation. Then the training
# samples of one class are wanted. The code looks for them in ``train.indices``, so that no
# validation sample gets in.

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
    print("samples of class 0:", len(wanted(0)))
    print("labels in the loader:", sorted(broken_labels.items()))
    assert broken_labels.total() == len(wanted(0))
    assert broken_labels[0] < broken_labels.total() / 2
    assert len(broken_labels) == 4

# %%
# The number of samples is right, and nothing is raised. For the last class there is an
# error, because ``train`` ends before its largest index.

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
# ``Subset(train, indices)[k]`` is ``train[indices[k]]``, and that is
# ``dataset[train.indices[indices[k]]]``: two lists are looked up, one after the other. An
# index of the whole dataset goes through ``train.indices`` once more and comes out as
# another one. No error, as long as it is smaller than ``len(train)``.

if __name__ == "__main__":
    index = wanted(0)[0]
    number = int(broken.dataset[0][0])
    print(f"wanted: sample {index}; came: sample {number}")
    assert number == train.indices[index]

    # A second split by torch is right. It makes positions in what it is given.
    seeded = torch.Generator().manual_seed(1)
    first, second = random_split(train, [0.5, 0.5], generator=seeded)
    assert sorted([*first.indices, *second.indices]) == list(range(3200))

# %%
# The fix
# -------
# Indices of the whole dataset belong to a subset of the whole dataset.

fixed = load(Subset(dataset, wanted(0)))

if __name__ == "__main__":
    print("labels in the loader:", sorted(labels_of(fixed).items()))
    assert labels_of(fixed) == {0: len(wanted(0))}

# %%
# Or keep the subset of ``train``, and give it positions in ``train``. That works for any
# part of a dataset, whatever it is made of.

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
# The samples that were wanted, and those that came in their places.


def number_of_each(subset):
    return [int(subset[position][0]) for position in range(len(subset))]


if __name__ == "__main__":
    figure, axes = plt.subplots(
        1, 2, figsize=(6, 2.8), sharey=True, layout="constrained"
    )
    for ax, name, loader, marker in (
        (axes[0], "broken", broken, "x"),
        (axes[1], "fixed", fixed, "o"),
    ):
        came = number_of_each(loader.dataset)
        right = sum(a == b for a, b in zip(wanted(0), came, strict=True))
        ax.scatter(wanted(0), came, 6, marker=marker, linewidth=0.6)
        for border in (1000, 2000, 3000):
            ax.axhline(border, linestyle="--", linewidth=0.8, color="gray")
        ax.set(title=f"{name}: {right} of {len(came)} right")
        ax.set(xlabel="sample that was wanted", xlim=(0, 1000), ylim=(0, 4000))
    axes[0].set(ylabel="sample that came")
    axes[0].set_yticks(
        range(500, 4000, 1000), [f"class {label}" for label in range(4)]
    )
    plt.show()

# %%
# Find it in your code
# --------------------
# Follow the indices down to the whole dataset, and compare with those that you meant.


def indices_in_the_whole(subset):
    indices = range(len(subset))
    while isinstance(subset, Subset):
        indices = [subset.indices[index] for index in indices]
        subset = subset.dataset
    return indices


if __name__ == "__main__":
    for name, loader in (("broken", broken), ("fixed", fixed)):
        found = set(indices_in_the_whole(loader.dataset))
        print(
            f"{name}: {len(found & set(wanted(0)))} of {len(found)} are meant"
        )
    assert set(indices_in_the_whole(fixed.dataset)) == set(wanted(0))
    assert set(indices_in_the_whole(broken.dataset)) != set(wanted(0))

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it. All indices here are among ``train.indices``, as positions would be by
# chance only. With few samples that chance is not small, and it says nothing.

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
# * The samples are right, and the transform is that of the other half:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
# * Each start of the program splits in another way:
#   :doc:`/gallery/3_order/plot_samples_in_both_loaders`.
# * The indices are right, and each gives the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * :class:`torch.utils.data.Subset` and :func:`torch.utils.data.random_split`.
