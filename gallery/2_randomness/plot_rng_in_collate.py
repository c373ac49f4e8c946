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
A random collate_fn repeats in every worker
===========================================

Every worker runs ``collate_fn`` with a copy of the same random generator.

* **You see:** MixUp, padding or masking in ``collate_fn`` is random, but every worker
  and every epoch repeats the same draws.
* **Because:** ``collate_fn`` holds a random generator, and every worker gets a copy in
  the same state.
* **Do:** Draw from torch's global generator, which torch seeds in every worker.
"""

# %%
# See it happen
# -------------
# MixUp blends each image of a batch with another image. ``collate_fn`` draws the share
# of each image from its own generator.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "collate_fn"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["MixUp", "mix_up"]

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
    """The photograph at even indices, upside down at odd ones, ever darker."""

    def __len__(self):
        return 16

    def __getitem__(self, index):
        image = PHOTOGRAPH[:, ::4, ::4] * (1 - index / 100)
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
    broken_epochs = [list(broken) for _ in range(2)]
    drawn = {share for batches in broken_epochs for _, _, share in batches}
    print("broken:", len(drawn), "distinct of 16 shares in two epochs")
    for epoch, batches in enumerate(broken_epochs):
        shares = [share for _, _, share in batches]
        print(f"epoch {epoch}:", *(f"{share:.3f}" for share in shares))
        # The workers take turns: worker 0 makes batches 0, 2, 4 and 6.
        assert shares[0::2] == shares[1::2]
        assert shares == [share for _, _, share in broken_epochs[0]]

# %%
# Why
# ---
# Workers make the batches, so each worker gets a copy of ``collate_fn`` and its
# generator, in the same state. torch seeds a worker's global generators, but not this
# generator.
#
# Without workers, a single generator keeps advancing, and nothing repeats.

if __name__ == "__main__":
    alone = DataLoader(TwoPictures(), batch_size=2, collate_fn=MixUp())
    shares = [share for _ in range(2) for _, _, share in alone]
    print(len(set(shares)), "different shares in 2 epochs of 8 batches")
    assert len(set(shares)) == 16

# %%
# The fix
# -------
# Draw from torch's global generator, which torch seeds in every worker. ``MixUp`` of
# ``torchvision.transforms.v2`` draws from this generator.

MIX = v2.MixUp(alpha=0.8, num_classes=2)


def mix_up(samples):
    images, labels = default_collate(samples)
    return MIX(images, labels)


fixed = DataLoader(
    TwoPictures(), batch_size=2, num_workers=2, collate_fn=mix_up
)


def share_of_first(labels):
    """Return the share of class 0 in the first label."""
    return round(labels[0, 0].item(), 6)


if __name__ == "__main__":
    fixed_epochs = [list(fixed) for _ in range(2)]
    shares = [
        share_of_first(labels)
        for batches in fixed_epochs
        for _, labels in batches
    ]
    print("fixed:", len(set(shares)), "distinct of 16 shares in two epochs")
    # Shares close to 0 or 1 may round to the same number.
    assert len(set(shares)) >= 12

# %%
# To keep your own function, change only the draw.


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
# If you cannot change ``collate_fn``, :func:`dejabatch.seed_worker` seeds its
# generator.

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
# Compare the mixtures of worker 0 and worker 1, which make the batches in turn.


def plot(broken_epochs, fixed_epochs):
    _, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, batches in (
        (axes[0], "broken", broken_epochs[0]),
        (axes[1], "fixed", fixed_epochs[0]),
    ):
        for i, ax in enumerate(row):
            ax.imshow(batches[i][0][0].permute(1, 2, 0).clamp(0, 1))
            ax.set(xticks=[], yticks=[], title=f"worker {i % 2}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(broken_epochs, fixed_epochs)

# %%
# Find it in your code
# --------------------
# Pass the same samples to ``collate_fn`` in two workers, and compare the batches.


class FirstTwoSamples(Dataset):
    def __init__(self, dataset):
        self.samples = [dataset[0], dataset[1]]

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.samples[index]


def workers_mix_the_same(loader):
    probe = DataLoader(
        FirstTwoSamples(loader.dataset),
        batch_sampler=[[0, 1], [0, 1]],
        num_workers=2,
        collate_fn=loader.collate_fn,
    )
    (first, *_), (second, *_) = probe
    return torch.equal(first, second)


if __name__ == "__main__":
    print("broken repeats in both workers:", workers_mix_the_same(broken))
    print("fixed repeats in both workers: ", workers_mix_the_same(fixed))
    assert workers_mix_the_same(broken)
    assert not workers_mix_the_same(fixed)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

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
# * All rows of one batch get the same augmentation:
#   :doc:`/gallery/1_sample/plot_one_draw_for_the_whole_batch`.
# * torchvision's example: `How to use CutMix and MixUp
#   <https://docs.pytorch.org/vision/stable/auto_examples/transforms/plot_cutmix_mixup.html>`__.
