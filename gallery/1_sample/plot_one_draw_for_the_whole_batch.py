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
All images in a batch get the same random crop
==============================================

Most torchvision transforms draw once per call, for one image or a whole batch.

* **You see:** All images of a batch are cropped and flipped in the same way. The next
  batch gets a different crop.
* **Because:** Most torchvision transforms draw random parameters once per call, and
  each call here gets a whole batch.
* **Do:** Call the transform once for each sample, in the dataset's ``__getitem__``.
"""

# %%
# See it happen
# -------------
# Augmenting a whole batch in one call looks faster. To isolate the augmentation, this
# batch holds the same photograph eight times.

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
    print("broken:", count_distinct(first), "distinct crop of 8 in a batch")
    assert count_distinct(first) == count_distinct(second) == 1
    assert not torch.equal(first[0], second[0])

# %%
# Why
# ---
# A transform takes images of shape ``[..., C, H, W]``. Most transforms draw once and
# apply the result to all dimensions before ``C``. All images of a batch then get the
# same crop, flip and colours. ``torchvision.transforms`` and
# ``torchvision.transforms.v2`` behave the same. ``GaussianNoise`` is an exception: it
# draws for each pixel.

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
# Two views of one image are equal as well, if one draw makes both.

if __name__ == "__main__":
    view, other = [TRANSFORM(PHOTOGRAPH)] * 2
    assert torch.equal(view, other)
    view, other = (TRANSFORM(PHOTOGRAPH) for _ in range(2))
    assert not torch.equal(view, other)
    print("one call: equal views; one call for each view: different views")

# %%
# The fix
# -------
# Call the transform in ``__getitem__``, for one image at a time. In a ``collate_fn``,
# call the transform once for each image. Leave MixUp and CutMix in the ``collate_fn``.


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
    fixed_batch = next(iter(in_getitem))
    print(
        "fixed:", count_distinct(fixed_batch), "distinct crops of 8 in a batch"
    )
    collated = next(iter(in_collate))
    print("in collate_fn: ", count_distinct(collated), "distinct of 8")
    assert count_distinct(fixed_batch) == count_distinct(collated) == 8

# %%
# Proof
# -----
# Each row shows a batch of one photograph, eight times. Compare the crops in a row.


def plot(fixed_batch):
    _, axes = plt.subplots(2, 8, figsize=(8, 2.6), layout="constrained")
    for row, name, batch in (
        (axes[0], "broken: one crop for the whole batch", first),
        (axes[1], "fixed: one crop for each image", fixed_batch),
    ):
        for ax, image in zip(row, batch, strict=True):
            ax.imshow(image.permute(1, 2, 0))
            ax.set(xticks=[], yticks=[])
        row[0].set_title(name, loc="left", fontsize=11)
    plt.show()


if __name__ == "__main__":
    plot(fixed_batch)

# %%
# Find it in your code
# --------------------
# Pass eight copies of one sample to your ``collate_fn``, twice. If each batch holds
# equal images, and the two batches differ, the transform draws once per batch.


def draws_once_per_batch(collate_fn, sample):
    first, second = (
        collate_fn([sample.clone() for _ in range(8)]) for _ in range(2)
    )
    return count_distinct(first) == 1 and not torch.equal(first, second)


if __name__ == "__main__":
    print("broken:", draws_once_per_batch(augment_batch, PHOTOGRAPH))
    print("fixed: ", draws_once_per_batch(augment_each, PHOTOGRAPH))
    assert draws_once_per_batch(augment_batch, PHOTOGRAPH)
    assert not draws_once_per_batch(augment_each, PHOTOGRAPH)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

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
# * All images of a batch are equal, not only the crops:
#   :doc:`/gallery/1_sample/plot_collate_repeats_one_sample`.
# * Different workers repeat the same crops:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Users reported this failure in `pytorch/vision#2929
#   <https://github.com/pytorch/vision/issues/2929>`__.
