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
Cached dataset returns the same augmentation in every epoch
===========================================================

A cache around a random transform keeps the first result for all epochs.

* **You see:** The first epoch crops each sample at random. Every later epoch repeats
  the crops of the first epoch.
* **Because:** A cache stores the result of the random transform and returns the
  stored result in later epochs.
* **Do:** Cache the image that is read from disk, and apply the random transform after
  the cache.
"""

# %%
# See it happen
# -------------
# Each sample is a random crop of a photograph. To save time, the dataset caches each
# crop.

# sphinx_gallery_tags = ["same in every epoch", "dataset", "transform"]
# sphinx_gallery_parallel = False

import functools

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)


def read_image(index):
    """Return an image, in place of slow code that decodes a file."""
    return PHOTOGRAPH[:, 20 * index :][:, :280]


class CachedImages(Dataset):
    def __init__(self):
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(96, scale=(0.1, 0.4)),
                v2.RandomHorizontalFlip(),
            ]
        )
        self.cache = {}

    def __len__(self):
        return 12

    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = self.transform(read_image(index))
        return self.cache[index]


broken = DataLoader(CachedImages(), batch_size=4)


def epoch(loader):
    return torch.cat(list(loader))


def count_repeated(loader):
    """Count the samples that are equal in the first and second epoch."""
    first, second = epoch(loader), epoch(loader)
    return sum(map(torch.equal, first, second))


if __name__ == "__main__":
    loader = DataLoader(CachedImages(), batch_size=4)
    print("broken:", count_repeated(loader), "of 12 samples repeat in epoch 2")
    assert count_repeated(loader) == 12

# %%
# Why
# ---
# ``__getitem__`` checks the cache first, so the transform runs once for each index.
# Without workers, the main process keeps the cache. Persistent workers each keep a
# cache. All other workers end with the epoch and lose their cache, which hides the
# failure.

if __name__ == "__main__":
    for num_workers, persistent in ((0, False), (2, False), (2, True)):
        loader = DataLoader(
            CachedImages(),
            num_workers=num_workers,
            persistent_workers=persistent,
        )
        repeated = count_repeated(loader)
        print(f"{num_workers=}, {persistent=}: {repeated:2} of 12 repeated")
        assert repeated == (0 if num_workers and not persistent else 12)
    del loader  # deleting the loader ends its workers

# %%
# :func:`functools.lru_cache` on a random function has the same result.


@functools.lru_cache
def load_rotated(index):
    return v2.functional.rotate(read_image(index), float(torch.rand(())) * 90)


class UsesLruCache(CachedImages):
    def __getitem__(self, index):
        return load_rotated(index)


if __name__ == "__main__":
    repeated = count_repeated(DataLoader(UsesLruCache()))
    print(f"lru_cache: {repeated} of 12 repeated")
    assert repeated == 12

# %%
# The fix
# -------
# Cache the image that is read from disk, and call the random transform after the cache.


class CachesTheImage(CachedImages):
    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = read_image(index)
        return self.transform(self.cache[index])


fixed = DataLoader(CachesTheImage(), batch_size=4)

if __name__ == "__main__":
    print("fixed:", count_repeated(fixed), "of 12 samples repeat in epoch 2")
    assert count_repeated(fixed) == 0

# %%
# Proof
# -----
# Each row shows one sample in four epochs. Only the second row is augmented anew.


def plot():
    _, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, dataset in (
        (axes[0], "broken", CachedImages()),
        (axes[1], "fixed", CachesTheImage()),
    ):
        for number, ax in enumerate(row):
            ax.imshow(epoch(DataLoader(dataset))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"epoch {number}")
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
    print("broken:", count_distinct(CachedImages()), "distinct of 8")
    print("fixed: ", count_distinct(CachesTheImage()), "distinct of 8")
    assert count_distinct(CachedImages()) == 1
    assert count_distinct(CachesTheImage()) == 8

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) before
# training, or on the function that creates the loader. The report names the failure and
# the cache. After an epoch, the audit cannot find this failure, because the cache is
# full.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("cached-augmentation", "dataset.cache")
    ]
    assert dejabatch.audit(fixed).ok

    used = DataLoader(broken.dataset, batch_size=4)
    list(used)  # one epoch fills the cache
    assert dejabatch.audit(used).findings == ()

# %%
# See also
# --------
# * The first epoch already repeats, because ``__init__`` draws the random numbers:
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * The augmentation repeats only with workers, because each worker copies the
#   generator: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * The images are never augmented:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Training images are no longer augmented after ``random_split``:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
