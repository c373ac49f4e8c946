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
All images of a batch get the same crop
=======================================

Most torchvision transforms draw once for each call, for an image as for a batch.

* **You see:** Within a batch every image is cropped and flipped alike; the next batch
  is different.
* **Because:** Most transforms of torchvision draw once for each call, and here one is
  called with a whole batch.
* **Do:** Call the transform for each sample, in the dataset's ``__getitem__``.
"""

# %%
# See it happen
# -------------
# Augmenting a whole batch in one call looks faster. To see the augmentation alone, this
# batch has the same photograph eight times.

# sphinx_gallery_tags = ["same in every batch", "collate_fn", "transform"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)
TRANSFORM = v2.Compose(
    [v2.RandomResizedCrop(96, scale=(0.1, 0.4)), v2.RandomHorizontalFlip()]
)


class Pieces(Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        return PHOTOGRAPH[:, 6 * index :][:, :400]


class OnePiece(Pieces):
    def __getitem__(self, index):
        return super().__getitem__(0)


def augment_batch(images):
    return TRANSFORM(default_collate(images))


broken = DataLoader(Pieces(), batch_size=8, collate_fn=augment_batch)


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    loader = DataLoader(OnePiece(), batch_size=8, collate_fn=augment_batch)
    first, second, *_ = loader
    print(count_distinct(first), "crop of 8 in the first batch,")
    print(count_distinct(second), "crop of 8 in the second")
    assert count_distinct(first) == count_distinct(second) == 1
    assert not torch.equal(first[0], second[0])

# %%
# Why
# ---
# A transform takes images of shape ``[..., C, H, W]``. Most draw their parameters once and
# apply them to all that stands before ``C``. That is right for the frames of a video.
# For a batch it means one crop, one flip and one change of colours for all. Version 1 of
# the transforms and version 2 do the same. ``GaussianNoise`` is another kind: it has a draw
# for each pixel.

if __name__ == "__main__":
    from torchvision import transforms as v1

    batch = PHOTOGRAPH.expand(16, -1, -1, -1)
    for name, crop in (
        ("torchvision.transforms", v1.RandomCrop(96)),
        ("torchvision.transforms.v2", v2.RandomCrop(96)),
    ):
        print(f"{name}: {count_distinct(crop(batch))} distinct of 16")
        assert count_distinct(crop(batch)) == 1

    pieces = batch[:, :, :64, :64] / 255
    for transform, expected in (
        (v2.RandomHorizontalFlip(), 1),
        (v2.ColorJitter(brightness=0.5, hue=0.2), 1),
        (v2.RandomErasing(p=1), 1),
        (v2.GaussianNoise(), 16),
    ):
        distinct = count_distinct(transform(pieces))
        print(f"{type(transform).__name__}: {distinct} distinct of 16")
        assert distinct == expected

# %%
# The fix
# -------
# Augment where there is one image: in ``__getitem__``, which also spreads the work over
# the workers. If it has to be the collate function, call the transform for each image.
# MixUp and CutMix are made for whole batches and belong in the collate function.


class AugmentsEach(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return TRANSFORM(self.dataset[index])


fixed = DataLoader(AugmentsEach(Pieces()), batch_size=8)


def augment_each(images):
    return default_collate([TRANSFORM(image) for image in images])


if __name__ == "__main__":
    in_getitem = DataLoader(AugmentsEach(OnePiece()), batch_size=8)
    in_collate = DataLoader(OnePiece(), batch_size=8, collate_fn=augment_each)
    each = next(iter(in_getitem))
    print("in __getitem__: ", count_distinct(each), "crops of 8")
    print(
        "in collate_fn:  ",
        count_distinct(next(iter(in_collate))),
        "crops of 8",
    )
    assert count_distinct(each) == count_distinct(next(iter(in_collate))) == 8

# %%
# Proof
# -----
# The batch of one photograph, augmented as a whole and one by one.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 8, figsize=(8, 2.6), layout="constrained")
    for row, name, batch in (
        (axes[0], "broken: one crop for all", first),
        (axes[1], "fixed: a crop for each", each),
    ):
        for ax, image in zip(row, batch, strict=True):
            ax.imshow(image.permute(1, 2, 0))
            ax.set(xticks=[], yticks=[])
        row[0].set_title(name, loc="left", fontsize=11)
    plt.show()

# %%
# Find it in your code
# --------------------
# Give whatever makes the batch several copies of one sample. If they come out equal, and
# differ from call to call, one draw was for all.


def draws_once(collate_fn, sample):
    one, other = (
        collate_fn([sample.clone() for _ in range(8)]) for _ in range(2)
    )
    return count_distinct(one) == 1 and not torch.equal(one, other)


if __name__ == "__main__":
    print("broken:", draws_once(augment_batch, PHOTOGRAPH))
    print("fixed: ", draws_once(augment_each, PHOTOGRAPH))
    assert draws_once(augment_batch, PHOTOGRAPH)
    assert not draws_once(augment_each, PHOTOGRAPH)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("one-draw-for-the-whole-batch", "collate_fn")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The images of a batch are equal, not only their crops:
#   :doc:`/gallery/1_sample/plot_collate_repeats_one_sample`.
# * The crops repeat from worker to worker:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * `pytorch/vision#2929 <https://github.com/pytorch/vision/issues/2929>`__: where others
#   met it.
