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
Random augmentation is the same every epoch, even with num_workers=0
====================================================================

Random numbers drawn in ``__init__`` are drawn once and kept for all epochs.

* **You see:** Samples are augmented, but each sample has the same augmentation in
  every epoch.
* **Because:** The random numbers are drawn once, when the dataset or the transform is
  created.
* **Do:** Draw the random numbers in ``__getitem__``, which runs for each sample in
  each epoch.
"""

# %%
# See it happen
# -------------
# This dataset augments its images in ``__init__`` and stores the augmented images.

# sphinx_gallery_tags = ["same in every epoch", "dataset", "transform"]
# sphinx_gallery_parallel = False

import functools
import random

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)
TRANSFORM = v2.Compose(
    [v2.RandomResizedCrop(96, scale=(0.1, 0.4)), v2.RandomHorizontalFlip()]
)


class AugmentedImages(Dataset):
    def __init__(self):
        images = [PHOTOGRAPH[:, 20 * i :][:, :280] for i in range(12)]
        self.images = [TRANSFORM(image) for image in images]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def broken():
    return DataLoader(AugmentedImages(), batch_size=4)


def count_repeated(loader):
    """Count the samples that are equal in the first and second epoch."""
    first, second = (torch.cat(list(loader)) for _ in range(2))
    return sum(map(torch.equal, first, second))


if __name__ == "__main__":
    print(
        "broken:", count_repeated(broken()), "of 12 samples repeat in epoch 2"
    )
    assert count_repeated(broken()) == 12
    assert broken().num_workers == 0

# %%
# Why
# ---
# ``__init__`` runs once, before the first epoch. ``__getitem__`` runs for each sample
# in each epoch, but draws no random number here. Each new dataset gets other
# augmentations, so the first epoch of each run looks random.

if __name__ == "__main__":
    first, second = (torch.cat(list(broken())) for _ in range(2))
    print("two datasets are augmented equally:", torch.equal(first, second))
    assert not torch.equal(first, second)

# %%
# A default argument, a :func:`functools.partial` and a variable in a ``Lambda`` also
# draw only once.


def rotate(image, angle=random.uniform(-90, 90)):  # noqa: B008 - the failure
    return v2.functional.rotate(image, angle)


def rotate_each_time(image):
    return v2.functional.rotate(image, random.uniform(-90, 90))


def count_distinct_results(transform, times=8):
    image = PHOTOGRAPH[:, :64, :64]
    return len({str(transform(image).tolist()) for _ in range(times)})


if __name__ == "__main__":
    partial = functools.partial(
        v2.functional.rotate, angle=random.uniform(-90, 90)
    )
    angle = random.uniform(-90, 90)
    transforms = {
        "default argument": rotate,
        "functools.partial": partial,
        "v2.Lambda": v2.Lambda(
            lambda image: v2.functional.rotate(image, angle)
        ),
    }
    for name, transform in transforms.items():
        distinct = count_distinct_results(transform)
        print(f"{name:18}{distinct} distinct of 8 calls")
        assert distinct == 1
    distinct = count_distinct_results(rotate_each_time)
    print(f"drawn in the call {distinct} distinct of 8 calls")
    assert distinct > 1

# %%
# The fix
# -------
# Store the original images, and call the random transform in ``__getitem__``.


class AugmentsInGetitem(Dataset):
    def __init__(self):
        self.images = [PHOTOGRAPH[:, 20 * i :][:, :280] for i in range(12)]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return TRANSFORM(self.images[index])


def fixed():
    return DataLoader(AugmentsInGetitem(), batch_size=4)


if __name__ == "__main__":
    print("fixed:", count_repeated(fixed()), "of 12 samples repeat in epoch 2")
    assert count_repeated(fixed()) == 0

# %%
# Proof
# -----
# Each row shows one sample in four epochs. Only the second row is augmented anew.


def plot():
    _, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, loader in (
        (axes[0], "broken", broken()),
        (axes[1], "fixed", fixed()),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(next(iter(loader))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"epoch {epoch}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Read one index several times. Random augmentation returns a different sample each
# time.


def count_distinct(dataset, index=0, times=8):
    return len({str(dataset[index].tolist()) for _ in range(times)})


if __name__ == "__main__":
    print("broken.dataset:", count_distinct(broken().dataset), "distinct of 8")
    print("fixed: ", count_distinct(fixed().dataset), "distinct of 8")
    assert count_distinct(broken().dataset) == 1
    assert count_distinct(fixed().dataset) == 8

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on the
# function that creates the loader. The report names the failure and its cause. A loader
# alone does not show this failure.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("augmented-once", "dataset.__init__")
    ]
    assert dejabatch.audit(fixed).ok
    assert dejabatch.audit(broken()).findings == ()

# %%
# See also
# --------
# * The first epoch is random, and later epochs repeat the first epoch:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * The augmentation repeats only with workers, because each worker copies the
#   generator: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * The images are never augmented:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Training images are no longer augmented after ``random_split``:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
