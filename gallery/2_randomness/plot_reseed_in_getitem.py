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
All samples get the same augmentation, and shuffling stops
==========================================================

``manual_seed`` in ``__getitem__`` crops image and mask together, but every sample
alike, too.

* **You see:** Every sample of every epoch gets the same crop. Without workers, the
  shuffled order repeats, too.
* **Because:** ``__getitem__``, ``collate_fn`` or a transform seeds a random generator with
  a constant, often to crop an image and its mask together.
* **Do:** Delete the seed. Wrap the pair as ``tv_tensors.Image`` and
  ``tv_tensors.Mask``, and pass both to one call of a ``torchvision.transforms.v2``
  transform.
"""

# %%
# See it happen
# -------------
# An image and its mask need the same crop. This dataset therefore seeds torch before
# each of the two crops.

# sphinx_gallery_tags = ["same in every batch", "same in every epoch", "transform"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)
CROP = v2.RandomResizedCrop(96, scale=(0.1, 0.4))


class Pairs(Dataset):
    """The photograph and a mask of its bright parts, 16 times."""

    def __init__(self):
        bright = PHOTOGRAPH.float().mean(0, keepdim=True) > 128
        self.mask = bright.to(torch.uint8)

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return PHOTOGRAPH, self.mask


class CroppedPairs(Pairs):
    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        torch.manual_seed(0)
        image = CROP(image)
        torch.manual_seed(0)
        mask = CROP(mask)
        return image, mask, index


broken = DataLoader(CroppedPairs(), batch_size=8, shuffle=True)


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    broken_crops, _, _ = next(iter(broken))
    print("broken:", count_distinct(broken_crops), "distinct crop of 8")
    assert count_distinct(broken_crops) == 1

# %%
# Why
# ---
# The constant seed resets torch's global generator for each sample, so every crop draws
# the same numbers. Without workers, the sampler draws the next epoch's order from this
# generator. The order then repeats from the second epoch on. (Here, the order repeats
# from the first epoch on, because the cell above read a batch.)

if __name__ == "__main__":
    orders = [torch.cat([i for _, _, i in broken]).tolist() for _ in range(3)]
    for epoch, order in enumerate(orders):
        print(f"epoch {epoch}: {order}")
    assert orders[0] == orders[1] == orders[2]

# %%
# The fix
# -------
# Pass the image and the mask to one call. A ``torchvision.transforms.v2`` transform
# draws once per call and crops image and mask together.


class OneCall(Pairs):
    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        image, mask = CROP(tv_tensors.Image(image), tv_tensors.Mask(mask))
        return image, mask, index


fixed = DataLoader(OneCall(), batch_size=8, shuffle=True)

if __name__ == "__main__":
    fixed_crops, fixed_masks, _ = next(iter(fixed))
    print("fixed:", count_distinct(fixed_crops), "distinct crops of 8")
    assert count_distinct(fixed_crops) == 8

    # Each mask still matches its crop.
    bright = fixed_crops.float().mean(1) > 128
    agreement = (bright == fixed_masks[:, 0].bool()).float().mean()
    print(f"{agreement:.0%} of the pixels agree with their mask")
    assert agreement > 0.75

    orders = [torch.cat([i for _, _, i in fixed]).tolist() for _ in range(3)]
    assert orders[1] != orders[2]

# %%
# If a transform cannot take both, draw the parameters yourself. Then call a function
# such as ``v2.functional.crop`` on the image and on the mask.

# %%
# Proof
# -----
# Compare the crops in a row. Each mask below a crop must match the crop.


def plot(broken_crops, fixed_crops, fixed_masks):
    _, broken_masks, _ = next(iter(broken))
    _, axes = plt.subplots(2, 8, figsize=(8, 2.3), layout="constrained")
    for i in range(4):
        for first, images, all_masks, name in (
            (0, broken_crops, broken_masks, "broken"),
            (4, fixed_crops, fixed_masks, "fixed"),
        ):
            axes[0, first + i].imshow(images[i].permute(1, 2, 0))
            axes[1, first + i].imshow(all_masks[i, 0], cmap="cividis")
            axes[0, first].set_title(name, loc="left")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    plt.show()


if __name__ == "__main__":
    plot(broken_crops, fixed_crops, fixed_masks)

# %%
# Find it in your code
# --------------------
# Read two samples from two different random states. If torch's generator ends in the
# same state both times, the dataset reseeds it.


def reseeds_torch(dataset):
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        dataset[seed]
        states.append(torch.get_rng_state())
    return torch.equal(*states)


if __name__ == "__main__":
    print("broken reseeds torch:", reseeds_torch(broken.dataset))
    print("fixed reseeds torch: ", reseeds_torch(fixed.dataset))
    assert reseeds_torch(broken.dataset)
    assert not reseeds_torch(fixed.dataset)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("reseed-in-getitem", "dataset.__getitem__")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * All images of one batch get the same crop, and the next batch gets another crop:
#   :doc:`/gallery/1_sample/plot_one_draw_for_the_whole_batch`.
# * A recipe for image and mask: :doc:`/recipes/index`.
# * A cache keeps the first augmentation:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * The advice to seed in ``__getitem__`` comes from `pytorch/vision#9
#   <https://github.com/pytorch/vision/issues/9>`__.
