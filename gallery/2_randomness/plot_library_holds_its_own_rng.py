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
A library's transforms are the same in every worker
===================================================

albumentations 2.0.8 and MONAI keep generators in their transforms, and workers copy them.

* **You see:** You use a library's random transforms and no generator of your own. Every
  worker applies the same ones, and every epoch repeats them.
* **Because:** The library keeps random generators in its transforms. Each worker gets a
  copy, and nothing seeds it there.
* **Do:** Pass ``worker_init_fn=dejabatch.seed_worker``, or what the library itself has
  for that.
"""

# %%
# See it happen
# -------------
# Albumentations 2.0.8 is the last release under the MIT licence, and still in wide use. No
# generator is to be seen in this dataset.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "transform", "library"]
# sphinx_gallery_parallel = False

import multiprocessing
import os
import random

os.environ["NO_ALBUMENTATIONS_UPDATE"] = (
    "1"  # it would ask the network for a newer one
)

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
    print("albumentations", albumentations.__version__)
    same = crops(broken)
    again = crops(broken)
    print(count_distinct(same), "distinct crops of", len(same), "in an epoch")
    print(count_distinct(same + again), "in two epochs")
    assert count_distinct(same) == count_distinct(same + again) == 4

# %%
# Why
# ---
# The transforms hold generators: here they are. A worker has a copy of the dataset, and
# with it of them. torch seeds a worker's global generators, and these are not global.

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
# Let each worker seed them. Albumentations has a method for it, and
# :func:`torch.initial_seed` is another number in each worker, and each time that workers
# start.


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
    different = crops(fixed)
    again = crops(fixed)
    print(
        count_distinct(different + again), "distinct crops of 16 in two epochs"
    )
    assert count_distinct(different + again) >= 14

# %%
# That needs one line for each ``Compose``. :func:`dejabatch.seed_worker` finds the
# generators by itself, of any library, and seeds those of Python, NumPy and torch.

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
# Its transforms hold a generator as well. Its own ``monai.data.DataLoader`` seeds them,
# and ``torch.utils.data.DataLoader`` does not. Until
# ``set_random_state`` is called, all transforms share one generator, an attribute of their
# class. A forked worker has a copy of it; workers of the other start
# methods import MONAI anew, and with it another generator.


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
# The first two crops of each worker, in the order in which they came.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        for i, ax in enumerate(row):
            ax.imshow(images[i])
            ax.set(xticks=[], yticks=[], title=f"{name}: worker {i % 2}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Look through a transform for whatever is a generator.


def generators(value, path="transform", depth=3):
    if "random" in type(value).__module__ or isinstance(
        value, torch.Generator
    ):
        yield path
    elif depth:
        items = vars(value).items() if hasattr(value, "__dict__") else ()
        if isinstance(value, (list, tuple)):
            items = enumerate(value)
        for name, item in items:
            yield from generators(item, f"{path}.{name}", depth - 1)


if __name__ == "__main__":
    found = list(generators(broken.dataset.transform))
    print(*found, sep="\n")
    assert "transform.py_random" in found

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * The generator is yours: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * OpenCV's generator, which no Python object holds:
#   :doc:`/gallery/2_randomness/plot_opencv_rng`.
# * `albumentations-team/albumentations#2473
#   <https://github.com/albumentations-team/albumentations/issues/2473>`__: who
#   else met it.
