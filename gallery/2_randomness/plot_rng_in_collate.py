# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Every worker mixes its batches alike
====================================

collate_fn runs in the workers, and each one has a copy of the generator that it holds.

* **You see:** MixUp, padding or masking in ``collate_fn`` is random, but all workers do
  the same, and so does the next epoch.
* **Because:** ``collate_fn`` holds a random generator. It runs in the workers, and each
  has a copy in the same state.
* **Do:** Draw from torch's global generator, which is seeded in each worker.
"""

# %%
# See it happen
# -------------
# MixUp blends each image of a batch with another. How much of the other, the collate
# function draws from a generator of its own.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "collate_fn"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = (
        torch.tensor(plt.imread(file)[:480, :480]).permute(2, 0, 1) / 255
    )


class TwoPictures(Dataset):
    """The photograph, and the photograph upside down, in turn."""

    def __len__(self):
        return 16

    def __getitem__(self, index):
        image = PHOTOGRAPH[:, ::4, ::4]
        return (image.flip(1) if index % 2 else image), index % 2


class MixUp:
    def __init__(self):
        self.rng = np.random.default_rng()

    def __call__(self, samples):
        images, labels = default_collate(samples)
        share = self.rng.beta(0.8, 0.8)
        images = share * images + (1 - share) * images.flip(0)
        return images, labels, share


broken = DataLoader(
    TwoPictures(), batch_size=2, num_workers=2, collate_fn=MixUp()
)

if __name__ == "__main__":
    epochs = [list(broken) for _ in range(2)]
    for epoch, batches in enumerate(epochs):
        shares = [share for _, _, share in batches]
        print(f"epoch {epoch}:", *(f"{share:.3f}" for share in shares))
        # Two workers take turns: every second batch is the same worker's.
        assert shares[0::2] == shares[1::2]
        assert shares == [share for _, _, share in epochs[0]]

# %%
# Why
# ---
# Batches are made in the workers, so ``collate_fn`` is copied into each of them, with
# its generator and the generator's state. torch seeds a worker's global generators. It
# does not know this one.
#
# Without workers there is one generator that goes on, and nothing repeats.

if __name__ == "__main__":
    alone = DataLoader(TwoPictures(), batch_size=2, collate_fn=MixUp())
    shares = [share for _ in range(2) for _, _, share in alone]
    print(len(set(shares)), "different shares in 2 epochs of 8 batches")
    assert len(set(shares)) == 16

# %%
# The fix
# -------
# Draw from torch's global generator, which every worker seeds for itself. The MixUp and
# CutMix of ``torchvision.transforms.v2`` do that.

MIX = v2.MixUp(alpha=0.8, num_classes=2)


def mix_up(samples):
    images, labels = default_collate(samples)
    return MIX(images, labels)


fixed = DataLoader(
    TwoPictures(), batch_size=2, num_workers=2, collate_fn=mix_up
)


def share_of_first(labels):
    """Return how much of a picture's own class is in its label."""
    return round(labels[0, 0].item(), 6)


if __name__ == "__main__":
    fixed_epochs = [list(fixed) for _ in range(2)]
    shares = [
        share_of_first(labels)
        for batches in fixed_epochs
        for _, labels in batches
    ]
    print(*(f"{share:.3f}" for share in shares))
    # A share that is close to 0 or 1 may come twice.
    assert len(set(shares)) >= 12

# %%
# To keep your own function, replace the draw alone. NumPy's global generator is seeded in
# the workers as well.


class MixUpByTorch(MixUp):
    def __init__(self):
        self.beta = torch.distributions.Beta(0.8, 0.8)

    def __call__(self, samples):
        images, labels = default_collate(samples)
        share = self.beta.sample().item()
        images = share * images + (1 - share) * images.flip(0)
        return images, labels, share


if __name__ == "__main__":
    loader = DataLoader(
        TwoPictures(), batch_size=2, num_workers=2, collate_fn=MixUpByTorch()
    )
    shares = [share for _ in range(2) for _, _, share in loader]
    print(len(set(shares)), "different shares in 2 epochs of 8 batches")
    assert len(set(shares)) >= 12

# %%
# If the function is not yours, :func:`dejabatch.seed_worker` seeds what it holds.

import dejabatch

if __name__ == "__main__":
    loader = DataLoader(
        TwoPictures(),
        batch_size=2,
        num_workers=2,
        collate_fn=MixUp(),
        worker_init_fn=dejabatch.seed_worker,
    )
    shares = [share for _ in range(2) for _, _, share in loader]
    print(len(set(shares)), "different shares in 2 epochs of 8 batches")
    assert len(set(shares)) >= 12

# %%
# Proof
# -----
# The first image of the first four batches, in the order in which they came. Workers 0
# and 1 take turns.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, batches in (
        (axes[0], "broken", epochs[0]),
        (axes[1], "fixed", fixed_epochs[0]),
    ):
        for i, ax in enumerate(row):
            ax.imshow(batches[i][0][0].permute(1, 2, 0).clamp(0, 1))
            ax.set(xticks=[], yticks=[], title=f"{name}: worker {i % 2}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Give the collate function equal samples, in two workers, and compare the batches.


class OneSample(Dataset):
    def __init__(self, dataset):
        self.samples = [dataset[0], dataset[1]]

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.samples[index]


def mixes_alike(loader):
    probe = DataLoader(
        OneSample(loader.dataset),
        batch_sampler=[[0, 1], [0, 1]],
        num_workers=2,
        collate_fn=loader.collate_fn,
    )
    (first, *_), (second, *_) = probe
    return torch.equal(first, second)


if __name__ == "__main__":
    print("broken:", mixes_alike(broken))
    print("fixed: ", mixes_alike(fixed))
    assert mixes_alike(broken)
    assert not mixes_alike(fixed)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("rng-in-collate", "collate_fn.rng")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The generator is on the dataset or in a transform:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * The rows of one batch are the same:
#   :doc:`/gallery/1_sample/plot_one_draw_for_the_whole_batch`.
# * `How to use CutMix and MixUp
#   <https://docs.pytorch.org/vision/stable/auto_examples/transforms/plot_cutmix_mixup.html>`__,
#   in torchvision's own gallery.
