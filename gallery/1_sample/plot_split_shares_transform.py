# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Training and validation have the same transform after random_split
==================================================================

The halves of ``random_split`` are two views of one dataset, with one transform.

* **You see:** The validation set is augmented as well, or the training set is not.
* **Because:** Both halves of ``random_split`` are views of one dataset, which has one
  transform.
* **Do:** Make two datasets, each with its own transform, shuffle the indices once, and
  give each dataset its own part of them.
"""

# %%
# See it happen
# -------------
# Training images are to be augmented and validation images are not. So the transform of
# the validation half is replaced after the split. There are two ways to write that.

# sphinx_gallery_tags = ["not augmented", "same in every epoch", "transform", "split"]
# sphinx_gallery_parallel = False

import copy

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)
AUGMENT = v2.Compose(
    [v2.RandomResizedCrop(96, scale=(0.1, 0.4)), v2.RandomHorizontalFlip()]
)
EVALUATE = v2.Compose([v2.Resize(96), v2.CenterCrop(96)])


class Images(Dataset):
    def __init__(self, transform):
        self.images = [
            PHOTOGRAPH[:, 15 * i :][:, :288, 100:388] for i in range(16)
        ]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index])


def split():
    return random_split(
        Images(AUGMENT), [12, 4], torch.Generator().manual_seed(0)
    )


def is_random(dataset):
    return not torch.equal(dataset[0], dataset[0])


if __name__ == "__main__":
    train, val = split()
    val.transform = EVALUATE
    print("val.transform = ...         ", end=" ")
    print(f"training random: {is_random(train)}, validation: {is_random(val)}")
    assert is_random(train)
    assert is_random(val)  # it has no effect

    train, val = split()
    val.dataset.transform = EVALUATE
    print("val.dataset.transform = ... ", end=" ")
    print(f"training random: {is_random(train)}, validation: {is_random(val)}")
    assert not is_random(train)  # it has an effect on both
    assert not is_random(val)

# %%
# Why
# ---
# A :class:`torch.utils.data.Subset` is a list of indices and a reference to the dataset.
# It has no transform. Setting one adds an attribute that nobody reads. The dataset has
# one, and it is the same dataset for both halves.

if __name__ == "__main__":
    train, val = split()
    print("one dataset:", train.dataset is val.dataset)
    assert train.dataset is val.dataset

# %%
# The loaders of this page have the first of the two mistakes.


def loaders(train, val):
    return DataLoader(train, batch_size=4, shuffle=True), DataLoader(val)


def set_on_the_subset():
    train, val = split()
    val.transform = EVALUATE
    return loaders(train, val)


broken = set_on_the_subset()

# %%
# The fix
# -------
# Two datasets, each with its transform, and one list of indices. The images are stored
# twice only if the dataset reads them all when it is made.


def split_indices():
    order = torch.randperm(
        16, generator=torch.Generator().manual_seed(0)
    ).tolist()
    train = Subset(Images(AUGMENT), order[:12])
    val = Subset(Images(EVALUATE), order[12:])
    return loaders(train, val)


fixed = split_indices()

if __name__ == "__main__":
    train, val = (loader.dataset for loader in fixed)
    print(f"training random: {is_random(train)}, validation: {is_random(val)}")
    assert is_random(train)
    assert not is_random(val)
    assert not set(train.indices) & set(val.indices)

# %%
# For a split that is there already, a shallow copy of the dataset is enough. It has a
# transform of its own and the same images.

if __name__ == "__main__":
    train, val = split()
    val.dataset = copy.copy(val.dataset)
    val.dataset.transform = EVALUATE
    print(f"training random: {is_random(train)}, validation: {is_random(val)}")
    assert is_random(train)
    assert not is_random(val)
    assert val.dataset.images is train.dataset.images

# %%
# Or keep one dataset without a transform, and let a wrapper of each half apply one.


class Transformed(Dataset):
    def __init__(self, dataset, transform):
        self.dataset = dataset
        self.transform = transform

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.transform(self.dataset[index])


if __name__ == "__main__":
    halves = torch.Generator().manual_seed(0)
    train, val = random_split(Images(v2.Identity()), [12, 4], halves)
    train, val = Transformed(train, AUGMENT), Transformed(val, EVALUATE)
    print(f"training random: {is_random(train)}, validation: {is_random(val)}")
    assert is_random(train)
    assert not is_random(val)

# %%
# Proof
# -----
# One image of the validation half in four epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, (_, val_loader) in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(next(iter(val_loader))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"{name}: epoch {epoch}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Look at the halves: do they share a dataset, and has a subset been given an attribute
# that it does not use?


def shared_or_unused(train, val):
    unused = set(vars(val)) - {"dataset", "indices"}
    return train.dataset is val.dataset, sorted(unused)


if __name__ == "__main__":
    for name, pair in (("broken", broken), ("fixed", fixed)):
        train, val = (loader.dataset for loader in pair)
        print(f"{name}: shared, unused = {shared_or_unused(train, val)}")
        expected = (True, ["transform"]) if name == "broken" else (False, [])
        assert shared_or_unused(train, val) == expected

# %%
# Or let ``dejabatch.compare`` look. It reads both loaders in processes of their own,
# without changing them, and names what they share and should not.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.compare(*broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("split-shares-transform", "dataset.transform")
    ]
    assert dejabatch.compare(*fixed).ok

# %%
# See also
# --------
# * No image is ever changed, in either half:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Training repeats its augmentation without any split:
#   :doc:`/gallery/1_sample/plot_augmented_once` and
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * `pytorch/pytorch#56886 <https://github.com/pytorch/pytorch/issues/56886>`__: where
#   others met it.
