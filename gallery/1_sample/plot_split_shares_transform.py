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
random_split uses the same transform for training and validation
================================================================

Changing the transform of one ``random_split`` half changes both halves or neither half.

* **You see:** The validation set is augmented too, or the training set is no longer
  augmented.
* **Because:** Both halves of ``random_split`` share one dataset, and the transform
  belongs to the dataset.
* **Do:** Create two datasets with their own transforms, shuffle the indices once, and
  give each dataset its part.
"""

# %%
# See it happen
# -------------
# You want to augment training images, but not validation images. After
# ``random_split``, both ways to replace the validation transform fail.

# sphinx_gallery_tags = ["not augmented", "same in every epoch", "transform", "split"]
# sphinx_gallery_parallel = False

import copy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torchvision.datasets import VOCSegmentation
from torchvision.datasets.vision import StandardTransform
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
    return random_split(Images(AUGMENT), [12, 4])


def is_random(dataset):
    return not torch.equal(dataset[0], dataset[0])


if __name__ == "__main__":
    train, val = split()
    val.transform = EVALUATE
    print("broken: validation images are random:", is_random(val))
    assert is_random(train)
    assert is_random(val)  # the assignment has no effect

    train, val = split()
    val.dataset.transform = EVALUATE
    print(
        "val.dataset.transform: training images are random:", is_random(train)
    )
    assert not is_random(train)  # both halves have changed
    assert not is_random(val)

# %%
# Why
# ---
# A :class:`torch.utils.data.Subset` holds indices and a reference to the dataset.
# Assigning ``val.transform`` adds an attribute that the ``Subset`` does not use. Both
# halves read the transform of the shared dataset.

if __name__ == "__main__":
    train, val = split()
    print("one dataset:", train.dataset is val.dataset)
    assert train.dataset is val.dataset

    val.transform = EVALUATE
    assert set(vars(val)) == {"dataset", "indices", "transform"}
    assert val.dataset.transform is AUGMENT

# %%
# ``broken`` assigns ``val.transform``, the first of the two ways.


def loaders(train, val):
    return DataLoader(train, batch_size=4, shuffle=True), DataLoader(val)


def set_transform_on_subset():
    train, val = split()
    val.transform = EVALUATE
    return loaders(train, val)


broken = set_transform_on_subset()

# %%
# The fix
# -------
# Create two datasets with their own transforms, and split one list of indices between
# them.


def split_indices():
    order = torch.randperm(16).tolist()
    train = Subset(Images(AUGMENT), order[:12])
    val = Subset(Images(EVALUATE), order[12:])
    return loaders(train, val)


fixed = split_indices()

if __name__ == "__main__":
    train, val = (loader.dataset for loader in fixed)
    print("fixed: validation images are random:", is_random(val))
    assert is_random(train)
    assert not is_random(val)
    assert not set(train.indices) & set(val.indices)

# %%
# After an existing split, replace the dataset of one half by a shallow copy. The copy
# has its own transform and shares the images.

if __name__ == "__main__":
    train, val = split()
    val.dataset = copy.copy(val.dataset)
    val.dataset.transform = EVALUATE
    print(f"training random: {is_random(train)}, validation: {is_random(val)}")
    assert is_random(train)
    assert not is_random(val)
    assert val.dataset.images is train.dataset.images

# %%
# Some datasets of torchvision, such as ``VOCSegmentation``, read ``transforms``, and not
# ``transform``. There, assign ``transforms`` of the copy. Assigning ``transform`` has no
# effect.


def segmentation(folder):
    """Return a dataset of torchvision with four photographs as its files."""
    root = Path(folder, "VOCdevkit", "VOC2012")
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / name).mkdir(parents=True)
    names = root / "ImageSets" / "Segmentation" / "train.txt"
    names.write_text("a\nb\nc\nd")
    for name in "abcd":
        image = v2.functional.to_pil_image(PHOTOGRAPH)
        image.save(root / "JPEGImages" / f"{name}.jpg")
        image.convert("L").save(root / "SegmentationClass" / f"{name}.png")
    return VOCSegmentation(folder, transform=AUGMENT)


def image_is_random(dataset):
    first, second = (dataset[0][0].tobytes() for _ in range(2))
    return first != second


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        train, val = random_split(segmentation(folder), [3, 1])
        val.dataset = copy.copy(val.dataset)
        val.dataset.transform = EVALUATE
        print("transform: validation is random:", image_is_random(val))
        assert image_is_random(val)  # the assignment has no effect

        val.dataset.transforms = StandardTransform(EVALUATE)
        print("transforms: validation is random:", image_is_random(val))
        assert not image_is_random(val)
        assert image_is_random(train)

# %%
# Or keep one dataset without a transform, and wrap each half with its own transform.


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
# Each row shows one validation image in four epochs. It must never change.


def plot():
    _, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, (_, val_loader) in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(next(iter(val_loader))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"epoch {epoch}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Check whether the halves share a dataset, and whether a ``Subset`` has an unused
# attribute.


def inspect_split(train, val):
    unused = set(vars(val)) - {"dataset", "indices"}
    return train.dataset is val.dataset, sorted(unused)


if __name__ == "__main__":
    for name, pair in (("broken", broken), ("fixed", fixed)):
        train, val = (loader.dataset for loader in pair)
        print(f"{name}: (shared, unused) = {inspect_split(train, val)}")
        expected = (True, ["transform"]) if name == "broken" else (False, [])
        assert inspect_split(train, val) == expected

# %%
# Or run ``dejabatch.compare`` on both loaders. The report names the failure and its
# cause.

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
# * Neither training nor validation images are augmented:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Training repeats its augmentation without a split:
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * Users reported this failure in `pytorch/pytorch#56886
#   <https://github.com/pytorch/pytorch/issues/56886>`__.
