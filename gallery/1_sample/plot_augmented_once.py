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
Every epoch has the same augmentation, also without workers
===========================================================

Random numbers that are drawn in ``__init__`` are drawn once, and kept for all epochs.

* **You see:** A sample is augmented, but in every epoch in the same way.
* **Because:** The random numbers are drawn once, when the dataset or the transform is
  made.
* **Do:** Draw the random numbers where the sample is made, in ``__getitem__``.
"""

# %%
# See it happen
# -------------
# This dataset augments its images while it loads them, and stores the result.

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


class AugmentsInInit(Dataset):
    def __init__(self):
        images = [PHOTOGRAPH[:, 20 * i :][:, :280] for i in range(12)]
        self.images = [TRANSFORM(image) for image in images]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def broken():
    return DataLoader(AugmentsInInit(), batch_size=4)


def count_repeated(loader):
    """Count the samples that the second epoch has in common with the first."""
    first, second = (torch.cat(list(loader)) for _ in range(2))
    return sum(map(torch.equal, first, second))


if __name__ == "__main__":
    print(count_repeated(broken()), "of 12 samples are the same in epoch 2")
    assert count_repeated(broken()) == 12
    assert broken().num_workers == 0

# %%
# Why
# ---
# ``__init__`` runs once, before the first epoch. ``__getitem__`` runs for each sample of
# each epoch, and here it draws nothing. Each *run* of the program augments differently,
# which is why a look at a few images before training shows nothing wrong.

if __name__ == "__main__":
    one, other = (torch.cat(list(broken())) for _ in range(2))
    print("same in a dataset that is made again:", torch.equal(one, other))
    assert not torch.equal(one, other)

# %%
# Three more places that look as if they drew each time, and draw once: a default
# argument, a :func:`functools.partial`, and a variable that a ``Lambda`` uses.


def rotate(image, angle=random.uniform(-90, 90)):  # noqa: B008 - the failure
    return v2.functional.rotate(image, angle)


def rotate_each_time(image):
    return v2.functional.rotate(image, random.uniform(-90, 90))


def count_results(transform, times=8):
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
        different = count_results(transform)
        print(f"{name:18}{different} result of 8 calls")
        assert different == 1
    different = count_results(rotate_each_time)
    print(f"drawn in the call {different} results of 8 calls")
    assert different > 1

# %%
# The fix
# -------
# Store the images as they are, and draw in ``__getitem__``.


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
    print(count_repeated(fixed()), "of 12 samples are the same in epoch 2")
    assert count_repeated(fixed()) == 0

# %%
# Proof
# -----
# One index in four epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, loader in (
        (axes[0], "broken", broken()),
        (axes[1], "fixed", fixed()),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(next(iter(loader))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"{name}: epoch {epoch}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Ask the dataset for one index many times. If the augmentation is random, so are the
# answers.


def count_distinct(dataset, index=0, times=8):
    return len({str(dataset[index].tolist()) for _ in range(times)})


if __name__ == "__main__":
    print("broken:", count_distinct(broken().dataset), "of 8")
    print("fixed: ", count_distinct(fixed().dataset), "of 8")
    assert count_distinct(broken().dataset) == 1
    assert count_distinct(fixed().dataset) == 8

# %%
# Or let ``dejabatch.audit`` look. A loader does not show whether its samples are meant never
# to vary. So give it the function that makes the loader: it calls it again, and finds that
# no sample comes back.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("augmented-once", "dataset.__init__")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The first epoch is random and all others repeat it:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * It repeats with workers only, because a generator is copied into them:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Not even another run changes anything:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Only training stopped being random, after a split:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
