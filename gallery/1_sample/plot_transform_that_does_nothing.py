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
The augmentation changes nothing
================================

A random transform whose arguments leave nothing to chance returns what it is given.

* **You see:** A random transform is in place, and the images look as they did before.
* **Because:** Its arguments leave it nothing to do: a crop of the image's own size, a
  probability of 0, a colour change without a range.
* **Do:** Give it room, such as ``RandomCrop(size, padding=4)``, ``p=0.5`` or
  ``ColorJitter(brightness=0.4)``.
"""

# %%
# See it happen
# -------------
# Three transforms with random names. The images have 96 by 96 pixels.

# sphinx_gallery_tags = ["not augmented", "same in every epoch", "transform"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)


class Images(Dataset):
    def __init__(self, transform):
        pieces = [PHOTOGRAPH[:, 20 * i :][:, :288, 100:388] for i in range(12)]
        self.images = v2.functional.resize(torch.stack(pieces), [96, 96])
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index])


IDLE = [
    v2.RandomCrop(96),
    v2.RandomHorizontalFlip(p=0),
    v2.ColorJitter(),
]
broken = DataLoader(Images(v2.Compose(IDLE)), batch_size=4)


def count_changed(dataset):
    """Count the samples that are not the stored image."""
    return sum(
        not torch.equal(dataset[i], dataset.images[i])
        for i in range(len(dataset))
    )


if __name__ == "__main__":
    print(count_changed(broken.dataset), "of 12 images are changed")
    assert count_changed(broken.dataset) == 0

# %%
# Why
# ---
# A crop of 96 by 96 fits into an image of that size in one place only. ``p`` is the
# probability that a flip is done, and 0 means never. And a colour change without a range
# changes nothing: none of the four arguments of ``ColorJitter`` is set by default.

if __name__ == "__main__":
    image = broken.dataset.images[0]
    for transform in IDLE:
        changed = sum(
            not torch.equal(transform(image), image) for _ in range(100)
        )
        print(f"{type(transform).__name__:22}{changed} of 100 calls change it")
        assert changed == 0

# %%
# It often happens later, when the images are resized to the size of the crop, or when one
# set of arguments is used for training and evaluation.

if __name__ == "__main__":
    resize_first = v2.Compose([v2.Resize((64, 64)), v2.RandomCrop(64)])
    results = {str(resize_first(image).tolist()) for _ in range(20)}
    print(len(results), "result of 20 from Resize(64) and RandomCrop(64)")
    assert len(results) == 1

# %%
# The fix
# -------
# Give each transform room: a margin to crop from, a probability, a range.

WORKING = [
    v2.RandomCrop(96, padding=12),
    v2.RandomHorizontalFlip(p=0.5),
    v2.ColorJitter(brightness=0.4, contrast=0.4),
]
fixed = DataLoader(Images(v2.Compose(WORKING)), batch_size=4)

if __name__ == "__main__":
    print(count_changed(fixed.dataset), "of 12 images are changed")
    assert count_changed(fixed.dataset) >= 10
    for transform in WORKING:
        changed = sum(
            not torch.equal(transform(image), image) for _ in range(100)
        )
        print(f"{type(transform).__name__:22}{changed} of 100 calls change it")
        assert changed > 10

# %%
# Proof
# -----
# One index in four epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, loader in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(next(iter(loader))[0].permute(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=f"{name}: epoch {epoch}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Call each part of your transform many times on one image, as above, and look for those
# that never change it.


def idle_parts(compose, image, times=50):
    return [
        type(part).__name__
        for part in compose.transforms
        if all(torch.equal(part(image), image) for _ in range(times))
    ]


if __name__ == "__main__":
    print("broken:", idle_parts(broken.dataset.transform, image))
    print("fixed: ", idle_parts(fixed.dataset.transform, image))
    assert len(idle_parts(broken.dataset.transform, image)) == 3
    assert idle_parts(fixed.dataset.transform, image) == []

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("transform-that-does-nothing", "dataset.transform.transforms[0]")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The image is augmented, always in the same way:
#   :doc:`/gallery/1_sample/plot_augmented_once` if from the first epoch on,
#   :doc:`/gallery/1_sample/plot_cached_augmentation` if from the second.
# * The transform works, and batches do not go through it:
#   :doc:`/gallery/1_sample/plot_getitems_bypass`.
# * The arguments: :class:`torchvision.transforms.v2.RandomCrop` and
#   :class:`torchvision.transforms.v2.RandomHorizontalFlip`.
