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
Random transform has no effect
==============================

A random transform whose arguments leave no room for change returns its input.

* **You see:** A random transform is set, but the images come out unchanged.
* **Because:** The arguments leave no room for change: a crop of the image's own size,
  ``p=0``, or no colour range.
* **Do:** Set arguments that allow a change, such as ``RandomCrop(size, padding=4)``,
  ``p=0.5`` or ``ColorJitter(brightness=0.4)``.
"""

# %%
# See it happen
# -------------
# These three random transforms get images of 96 by 96 pixels. No image changes.

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


WITHOUT_EFFECT = [
    v2.RandomCrop(96),
    v2.RandomHorizontalFlip(p=0),
    v2.ColorJitter(),
]
broken = DataLoader(Images(v2.Compose(WITHOUT_EFFECT)), batch_size=4)


def count_changed(dataset):
    """Count the samples that differ from the stored image."""
    return sum(
        not torch.equal(dataset[i], dataset.images[i])
        for i in range(len(dataset))
    )


if __name__ == "__main__":
    print("broken:", count_changed(broken.dataset), "of 12 images change")
    assert count_changed(broken.dataset) == 0

# %%
# Why
# ---
# A crop of 96 by 96 fits into an image of 96 by 96 in one place only. ``p=0`` means
# that the flip never happens. ``ColorJitter()`` without arguments keeps all colours.

if __name__ == "__main__":
    image = broken.dataset.images[0]
    for transform in WITHOUT_EFFECT:
        changed = sum(
            not torch.equal(transform(image), image) for _ in range(100)
        )
        print(
            f"{type(transform).__name__:22}{changed} of 100 calls change the image"
        )
        assert changed == 0

# %%
# Resizing images to the size of the crop has the same effect: the crop is always the
# whole image.

if __name__ == "__main__":
    resize_first = v2.Compose([v2.Resize((64, 64)), v2.RandomCrop(64)])
    results = {str(resize_first(image).tolist()) for _ in range(20)}
    print("Resize and RandomCrop to 64:", len(results), "distinct of 20")
    assert results == {str(v2.functional.resize(image, [64, 64]).tolist())}

# %%
# The fix
# -------
# Give each transform a margin to crop from, a probability or a range.

WITH_EFFECT = [
    v2.RandomCrop(96, padding=12),
    v2.RandomHorizontalFlip(p=0.5),
    v2.ColorJitter(brightness=0.4, contrast=0.4),
]
fixed = DataLoader(Images(v2.Compose(WITH_EFFECT)), batch_size=4)

if __name__ == "__main__":
    print("fixed:", count_changed(fixed.dataset), "of 12 images change")
    assert count_changed(fixed.dataset) >= 10
    for transform in WITH_EFFECT:
        changed = sum(
            not torch.equal(transform(image), image) for _ in range(100)
        )
        print(
            f"{type(transform).__name__:22}{changed} of 100 calls change the image"
        )
        assert changed > 10

# %%
# Proof
# -----
# Each row shows one sample in four epochs. Only the second row is augmented.


def plot():
    _, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
    for row, name, loader in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
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
# Call each part of your transform many times on one image. ``parts_without_effect``
# lists the parts that never change the image.


def parts_without_effect(compose, image, times=50):
    return [
        type(part).__name__
        for part in compose.transforms
        if all(torch.equal(part(image), image) for _ in range(times))
    ]


if __name__ == "__main__":
    print("broken:", parts_without_effect(broken.dataset.transform, image))
    print("fixed: ", parts_without_effect(fixed.dataset.transform, image))
    assert len(parts_without_effect(broken.dataset.transform, image)) == 3
    assert parts_without_effect(fixed.dataset.transform, image) == []

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

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
# * Every epoch repeats the same augmentation:
#   :doc:`/gallery/1_sample/plot_augmented_once`.
# * Later epochs repeat the augmentation of the first epoch:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * The transform works, but batches skip the transform:
#   :doc:`/gallery/1_sample/plot_getitems_bypass`.
# * torchvision's documentation of the arguments:
#   :class:`torchvision.transforms.v2.RandomCrop` and
#   :class:`torchvision.transforms.v2.RandomHorizontalFlip`.
