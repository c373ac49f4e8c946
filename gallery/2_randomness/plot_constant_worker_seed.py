# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
All workers draw the same numbers, although worker_init_fn seeds them
=====================================================================

``worker_init_fn`` runs once in each worker. A constant in it makes the workers alike.

* **You see:** After ``worker_init_fn`` was added, every worker applies the same
  augmentations.
* **Because:** ``worker_init_fn`` seeds every worker with the same number.
* **Do:** Delete it, or seed from ``torch.initial_seed() % 2**32``, another
  number in each worker, and each time that workers start.
"""

# %%
# See it happen
# -------------
# To make runs repeatable, somebody seeds NumPy in every worker. Each sample is a random
# crop of one photograph, so whatever differs between two samples is the augmentation.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "worker_init_fn"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
SIZE = 220
WORKERS = 2


class RandomCrops(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        height, width, _ = PHOTOGRAPH.shape
        top = np.random.randint(height - SIZE)
        left = np.random.randint(width - SIZE)
        crop = PHOTOGRAPH[top : top + SIZE, left : left + SIZE]
        return torch.tensor(crop.copy())


def seed_42(worker_id):
    np.random.seed(42)


broken = DataLoader(
    RandomCrops(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_42
)


def crops(loader):
    return [batch[0] for batch in loader]


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    same = crops(broken)
    print(count_distinct(same), "distinct crops of", len(same), "in an epoch")
    again = crops(broken)
    print(count_distinct(same + again), "in two epochs")
    assert count_distinct(same) == 4  # each worker makes the same four
    assert count_distinct(same + again) == 4

# %%
# Why
# ---
# torch seeds every worker for itself when it starts, from a number that is drawn anew each
# time, and then calls ``worker_init_fn``. The constant overwrites that. A helper that "seeds
# everything" is the same mistake three times.


def seed_everything(worker_id):
    random.seed(42)
    np.random.seed(42)
    torch.manual_seed(42)


if __name__ == "__main__":
    for function in (None, seed_everything):
        loader = DataLoader(
            RandomCrops(),
            batch_size=1,
            num_workers=WORKERS,
            worker_init_fn=function,
        )
        distinct = count_distinct(crops(loader))
        name = "no worker_init_fn" if function is None else function.__name__
        print(f"{name:20}{distinct} distinct crops of 8")
        if function is None:
            assert distinct >= 7  # two may be the same by chance
        else:
            assert distinct == 4

# %%
# The fix
# -------
# Leave ``worker_init_fn`` out. For runs that repeat, seed the main process: the number
# from which the workers are seeded comes from there.

fixed = DataLoader(RandomCrops(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append([crops(fixed), crops(fixed)])
    (first, second), again = runs
    print(count_distinct(first + second), "distinct crops of 16 in two epochs")
    assert count_distinct(first + second) >= 15
    assert all(map(torch.equal, first + second, again[0] + again[1]))

# %%
# If something else has to be seeded in the workers, take ``torch.initial_seed()``. It is
# another number in each worker, and each time that workers start: for each epoch, or once if
# they are persistent and their generators go on. NumPy accepts 32 bits of it.


def seed_from_torch(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


if __name__ == "__main__":
    for persistent in (False, True):
        loader = DataLoader(
            RandomCrops(),
            batch_size=1,
            num_workers=WORKERS,
            worker_init_fn=seed_from_torch,
            persistent_workers=persistent,
        )
        distinct = count_distinct(crops(loader) + crops(loader))
        print(distinct, "distinct crops of 16 in two epochs")
        assert distinct >= 15
        del loader  # ends persistent workers

# %%
# Proof
# -----
# The first two crops of each worker, in the order in which they came.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", same),
        (axes[1], "fixed", first),
    ):
        for i, ax in enumerate(row):
            ax.imshow(images[i])
            ax.set(xticks=[], yticks=[], title=f"{name}: worker {i % 2}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Let every worker say what its generators would draw, without a dataset of yours.


class FirstDraws(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return random.random(), np.random.random(), torch.rand(()).item()


def distinct_draws(worker_init_fn):
    """Count what 2 workers draw in 2 epochs, by generator."""
    loader = DataLoader(
        FirstDraws(),
        batch_size=None,
        num_workers=2,
        worker_init_fn=worker_init_fn,
    )
    draws = np.array([sample for _ in range(2) for sample in loader])
    names = ("random", "np.random", "torch")
    return {n: len(set(draws[:, i])) for i, n in enumerate(names)}


if __name__ == "__main__":
    alike = distinct_draws(broken.worker_init_fn)
    apart = distinct_draws(fixed.worker_init_fn)
    print("broken:", alike)
    print("fixed: ", apart)
    assert alike["np.random"] == 1
    assert set(apart.values()) == {4}

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("constant-worker-seed", "worker_init_fn")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The workers differ, and each repeats itself in the next epoch:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * Nothing seeds the workers, and a generator on the dataset makes them alike:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * What torch does before it calls ``worker_init_fn``:
#   :class:`torch.utils.data.DataLoader`.
