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
The second epoch replays the augmentation of the first
======================================================

A cache in front of the random part keeps its first result for ever.

* **You see:** In the first epoch each sample gets a crop of its own, and keeps it in
  all others.
* **Because:** A cache around the random part keeps the first result.
* **Do:** Cache what is read from the disk, and augment what comes out of the cache.
"""

# %%
# See it happen
# -------------
# Every sample is a random crop of a photograph. To save time, the dataset keeps what it
# has made.

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
    """Stand for the slow part, which reads and decodes a file."""
    return PHOTOGRAPH[:, 20 * index :][:, :280]


class CachesTheResult(Dataset):
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


broken = DataLoader(CachesTheResult(), batch_size=4)


def epoch(loader):
    return torch.cat(list(loader))


def count_repeated(loader):
    """Count the samples that the second epoch has in common with the first."""
    first, second = epoch(loader), epoch(loader)
    return sum(map(torch.equal, first, second))


if __name__ == "__main__":
    loader = DataLoader(CachesTheResult(), batch_size=4)
    print(count_repeated(loader), "of 12 samples are the same in epoch 2")
    assert count_repeated(loader) == 12

# %%
# Why
# ---
# The cache is asked before the transform is, so the transform is called once for each
# index. How long that lasts depends on where the cache is: without workers it is in the
# main process, and with persistent workers it lives in each of them. Other workers end
# with the epoch and their caches with them, which hides the failure and makes the cache
# useless.

if __name__ == "__main__":
    for num_workers, persistent in ((0, False), (2, False), (2, True)):
        loader = DataLoader(
            CachesTheResult(),
            num_workers=num_workers,
            persistent_workers=persistent,
        )
        repeated = count_repeated(loader)
        print(f"{num_workers=}, {persistent=}: {repeated:2} of 12 repeated")
        assert repeated == (0 if num_workers and not persistent else 12)
    del loader  # ends the persistent workers

# %%
# :func:`functools.lru_cache` around a function that draws is the same failure in one line, for
# as many indices as it keeps.


@functools.lru_cache
def load(index):
    return v2.functional.rotate(read_image(index), float(torch.rand(())) * 90)


class LeastRecentlyUsed(CachesTheResult):
    def __getitem__(self, index):
        return load(index)


if __name__ == "__main__":
    repeated = count_repeated(DataLoader(LeastRecentlyUsed()))
    print(f"lru_cache: {repeated} of 12 repeated")
    assert repeated == 12

# %%
# The fix
# -------
# Keep what comes from the disk. Draw afterwards, each time.


class CachesTheImage(CachesTheResult):
    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = read_image(index)
        return self.transform(self.cache[index])


fixed = DataLoader(CachesTheImage(), batch_size=4)

if __name__ == "__main__":
    print(count_repeated(fixed), "of 12 samples are the same in epoch 2")
    assert count_repeated(fixed) == 0

# %%
# Proof
# -----
# One index in four epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, dataset in (
        (axes[0], "broken", CachesTheResult()),
        (axes[1], "fixed", CachesTheImage()),
    ):
        for number, ax in enumerate(row):
            ax.imshow(epoch(DataLoader(dataset))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"{name}: epoch {number}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Ask the dataset for one index many times. If the augmentation is random, so are the
# answers.


def count_distinct(dataset, index=0, times=8):
    return len({str(dataset[index].tolist()) for _ in range(times)})


if __name__ == "__main__":
    print("broken:", count_distinct(CachesTheResult()), "of 8")
    print("fixed: ", count_distinct(CachesTheImage()), "of 8")
    assert count_distinct(CachesTheResult()) == 1
    assert count_distinct(CachesTheImage()) == 8

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds. A cache that is already full hides what filled
# it, so give it the loader before training, or the function that makes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("cached-augmentation", "dataset.cache")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * Not even the first epoch draws: what was drawn when the dataset was made is
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * It repeats with workers only, because a generator is copied into them:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * The image never changes at all:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Only training stopped being random, after a split:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
