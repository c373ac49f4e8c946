# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "albumentations",
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "monai",
#   "numpy",
#   "torch",
# ]
# ///
"""
A library's random transforms repeat in every worker
====================================================

Transforms of albumentations 2.0.8 and MONAI hold generators, which every worker copies.

* **You see:** You use a library's random transforms and no generator of your own. Every
  worker applies the same transforms, and every epoch repeats them.
* **Because:** The library keeps random generators in its transforms. Every worker gets
  a copy, and nothing reseeds the copies.
* **Do:** With MONAI, use ``monai.data.DataLoader``. With another library, pass
  ``worker_init_fn=dejabatch.seed_worker``, or call the library's own method there.
"""

# %%
# See it happen
# -------------
# This dataset uses Albumentations 2.0.8, the last release under the MIT licence. The
# dataset creates no generator of its own. :doc:`/evidence/libraries` has the measurements
# of other releases, AlbumentationsX and other libraries.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "transform", "library"]
# sphinx_gallery_parallel = False

import multiprocessing
import os
import random

# Skip the check for updates over the network.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, get_worker_info

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
WORKERS = 2


class Crops(Dataset):
    def __init__(self):
        self.transform = albumentations.Compose(
            [
                albumentations.RandomCrop(220, 220),
                albumentations.HorizontalFlip(),
            ]
        )

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor(self.transform(image=PHOTOGRAPH)["image"].copy())


broken = DataLoader(Crops(), batch_size=1, num_workers=WORKERS)


def crops(loader):
    return [batch[0] for batch in loader]


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    broken_crops = crops(broken)
    distinct = count_distinct(broken_crops + crops(broken))
    print("broken:", distinct, "distinct crops of 16 in two epochs")
    print("albumentations", albumentations.__version__)
    assert count_distinct(broken_crops) == distinct == 4

# %%
# Why
# ---
# The transforms hold their own generators, printed below. Each worker gets a copy of
# the dataset, including these generators. torch seeds only a worker's global
# generators.

if __name__ == "__main__":
    compose = broken.dataset.transform
    crop = compose.transforms[0]
    for name, value in (("Compose", compose), ("RandomCrop", crop)):
        held = (value.py_random, value.random_generator)
        print(f"{name}:", *(type(generator).__name__ for generator in held))
        assert isinstance(value.py_random, random.Random)
        assert isinstance(value.random_generator, np.random.Generator)

# %%
# The fix
# -------
# Seed the transforms in each worker. Albumentations has ``set_random_seed`` for this
# purpose. :func:`torch.initial_seed` differs in each worker and changes each time
# workers start.


def seed_albumentations(worker_id):
    dataset = get_worker_info().dataset
    dataset.transform.set_random_seed(torch.initial_seed() % 2**32)


fixed = DataLoader(
    Crops(),
    batch_size=1,
    num_workers=WORKERS,
    worker_init_fn=seed_albumentations,
)

if __name__ == "__main__":
    fixed_crops = crops(fixed)
    distinct = count_distinct(fixed_crops + crops(fixed))
    print("fixed:", distinct, "distinct crops of 16 in two epochs")
    assert distinct >= 14

# %%
# The function above needs one line for each ``Compose``. :func:`dejabatch.seed_worker`
# finds the generators in your dataset and seeds them.

import dejabatch

if __name__ == "__main__":
    loader = DataLoader(
        Crops(),
        batch_size=1,
        num_workers=WORKERS,
        worker_init_fn=dejabatch.seed_worker,
    )
    distinct = count_distinct(crops(loader) + crops(loader))
    print(distinct, "distinct crops of 16 in two epochs")
    assert distinct >= 14
    assert dejabatch.audit(loader).ok

# %%
# MONAI
# -----
# MONAI's transforms hold a generator, too. ``monai.data.DataLoader`` seeds this
# generator, and ``torch.utils.data.DataLoader`` does not. All transforms share one
# generator on their class until you call ``set_random_state``. Forked workers copy the
# shared generator. Other start methods import MONAI again in each worker, which creates
# a new generator.


class Volumes(Dataset):
    def __init__(self):
        from monai.transforms import RandSpatialCrop

        self.crop = RandSpatialCrop((220, 220), random_size=False)
        self.image = torch.tensor(PHOTOGRAPH.copy()).permute(2, 0, 1)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.crop(self.image).as_tensor().clone()


if __name__ == "__main__":
    from monai.data import DataLoader as MonaiDataLoader
    from monai.transforms import RandFlip

    flip = RandFlip()
    assert flip.R is Volumes().crop.R  # one generator on the class
    flip.set_random_state(0)
    assert flip.R is not Volumes().crop.R

    for name, make, options in (
        ("torch's DataLoader", DataLoader, {}),
        ("MONAI's DataLoader", MonaiDataLoader, {}),
        (
            "torch's, seed_worker",
            DataLoader,
            {"worker_init_fn": dejabatch.seed_worker},
        ),
    ):
        loader = make(Volumes(), batch_size=1, num_workers=WORKERS, **options)
        distinct = count_distinct(crops(loader) + crops(loader))
        print(f"{name:22}{distinct} distinct crops of 16 in two epochs")
        forked = multiprocessing.get_start_method() == "fork"
        if make is DataLoader and not options and forked:
            assert distinct == 4
        else:
            assert distinct >= 14

# %%
# Proof
# -----
# Compare the crops of worker 0 and worker 1. Each row shows two crops of each worker.


def plot(broken_crops, fixed_crops):
    _, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", broken_crops),
        (axes[1], "fixed", fixed_crops),
    ):
        for i, ax in enumerate(row):
            ax.imshow(images[i])
            ax.set(xticks=[], yticks=[], title=f"worker {i % 2}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(broken_crops, fixed_crops)

# %%
# Find it in your code
# --------------------
# List the generators inside your transform.


def generator_paths(value, path="transform", depth=3):
    if "random" in type(value).__module__ or isinstance(
        value, torch.Generator
    ):
        yield path
    elif depth:
        items = vars(value).items() if hasattr(value, "__dict__") else ()
        if isinstance(value, (list, tuple)):
            items = enumerate(value)
        for name, item in items:
            yield from generator_paths(item, f"{path}.{name}", depth - 1)


if __name__ == "__main__":
    found = list(generator_paths(broken.dataset.transform))
    print(*found, sep="\n")
    assert "transform.py_random" in found

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("library-holds-its-own-rng", "dataset.transform.py_random")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * A generator on your own dataset repeats in every worker:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * OpenCV's generator, which no Python object holds:
#   :doc:`/gallery/2_randomness/plot_opencv_rng`.
# * User report: `albumentations-team/albumentations#2473
#   <https://github.com/albumentations-team/albumentations/issues/2473>`__.
