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

``manual_seed`` in ``__getitem__`` treats image and mask alike, and all samples, too.

* **You see:** Every sample of every epoch is cropped alike. Without workers the order
  repeats, too.
* **Because:** ``__getitem__`` or a transform seeds a random generator with a constant,
  for example to treat an image and its mask alike.
* **Do:** Wrap them as ``tv_tensors.Image`` and ``tv_tensors.Mask``, give both to one
  call of a ``torchvision.transforms.v2`` transform, and delete the seed.
"""

# %%
# See it happen
# -------------
# An image and its mask have to be cropped alike. So the dataset seeds torch before each
# of the two calls.

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
    """The photograph, 16 times, with a mask of its bright parts."""

    def __init__(self):
        bright = PHOTOGRAPH.float().mean(0, keepdim=True) > 128
        self.mask = bright.to(torch.uint8)

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return PHOTOGRAPH, self.mask


class SeedsTorch(Pairs):
    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        torch.manual_seed(0)
        image = CROP(image)
        torch.manual_seed(0)
        mask = CROP(mask)
        return image, mask, index


broken = DataLoader(SeedsTorch(), batch_size=8, shuffle=True)


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    same, _, _ = next(iter(broken))
    print(count_distinct(same), "distinct crop of 8 images of a batch")
    assert count_distinct(same) == 1

# %%
# Why
# ---
# The seed puts torch's global generator back to one state for each sample. The crop is
# drawn from there, and so is everything after it. Without workers that includes the
# order: from the second epoch on, the shuffling begins in the same state. (Here from the
# first of the three, since a batch was read above.)

if __name__ == "__main__":
    orders = [torch.cat([i for _, _, i in broken]).tolist() for _ in range(3)]
    for epoch, order in enumerate(orders):
        print(f"epoch {epoch}: {order}")
    assert orders[0] == orders[1] == orders[2]

# %%
# The fix
# -------
# Give image and mask to one call. The transforms of ``torchvision.transforms.v2`` draw
# once for all that they are given, and treat a mask as a mask.


class OneCall(Pairs):
    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        image, mask = CROP(tv_tensors.Image(image), tv_tensors.Mask(mask))
        return image, mask, index


fixed = DataLoader(OneCall(), batch_size=8, shuffle=True)

if __name__ == "__main__":
    different, masks, _ = next(iter(fixed))
    print(count_distinct(different), "distinct crops of 8 images of a batch")
    assert count_distinct(different) == 8

    # The mask is still that of its crop.
    bright = different.float().mean(1) > 128
    agreement = (bright == masks[:, 0].bool()).float().mean()
    print(f"{agreement:.0%} of the pixels agree with their mask")
    assert agreement > 0.75  # of another crop it would be half

    orders = [torch.cat([i for _, _, i in fixed]).tolist() for _ in range(3)]
    assert orders[1] != orders[2]

# %%
# For transforms that cannot take both, draw the parameters yourself and call the functional
# form twice, for example ``v2.functional.crop``.

# %%
# Proof
# -----
# The first four images of a batch, with their masks.

if __name__ == "__main__":
    _, same_masks, _ = next(iter(broken))
    figure, axes = plt.subplots(2, 8, figsize=(8, 2.3), layout="constrained")
    for i in range(4):
        for first, images, all_masks, name in (
            (0, same, same_masks, "broken"),
            (4, different, masks, "fixed"),
        ):
            axes[0, first + i].imshow(images[i].permute(1, 2, 0))
            axes[1, first + i].imshow(all_masks[i, 0], cmap="cividis")
            axes[0, first + i].set_title(f"{name} {i}", fontsize=9)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    plt.show()

# %%
# Find it in your code
# --------------------
# See where torch's generator stands after two samples that began differently.


def leaves_one_state(dataset):
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        dataset[seed]
        states.append(torch.get_rng_state())
    return torch.equal(*states)


if __name__ == "__main__":
    print("broken:", leaves_one_state(broken.dataset))
    print("fixed: ", leaves_one_state(fixed.dataset))
    assert leaves_one_state(broken.dataset)
    assert not leaves_one_state(fixed.dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * All images of a batch are cropped alike, and the next batch differently:
#   :doc:`/gallery/1_sample/plot_one_draw_for_the_whole_batch`.
# * The code to copy: :doc:`/recipes/index`.
# * The augmentation is kept, not drawn again:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * `pytorch/vision#9 <https://github.com/pytorch/vision/issues/9>`__: where the advice to
#   seed in ``__getitem__`` comes from.
