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
With a worker_init_fn, every epoch repeats the first one's augmentations
========================================================================

``worker_init_fn`` runs again in each epoch. A seed without the epoch repeats it.

* **You see:** The workers differ, but each repeats in every epoch what it did in the
  first.
* **Because:** ``worker_init_fn`` seeds a worker with a number that does not depend on
  the epoch, such as ``worker_id``.
* **Do:** Delete it, or seed from ``torch.initial_seed() % 2**32``, another
  number in each worker, and each time that workers start.
"""

# %%
# See it happen
# -------------
# Seeding each worker with its number makes the workers differ. Each sample is a random
# crop of one photograph, so whatever differs between two samples is the augmentation.

# sphinx_gallery_tags = ["same in every epoch", "worker_init_fn"]
# sphinx_gallery_parallel = False

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


def seed_by_worker(worker_id):
    np.random.seed(worker_id)


broken = DataLoader(
    RandomCrops(),
    batch_size=1,
    num_workers=WORKERS,
    worker_init_fn=seed_by_worker,
)


def crops(loader):
    return [batch[0] for batch in loader]


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    same = [crops(broken) for _ in range(3)]
    print(count_distinct(same[0]), "distinct crops of 8 in an epoch")
    print(count_distinct(same[0] + same[1] + same[2]), "of 24 in three")
    assert count_distinct(same[0]) == 8
    assert count_distinct(same[0] + same[1] + same[2]) == 8

# %%
# Why
# ---
# Workers end with their epoch, and new ones start with the next. Each begins with the
# seed that ``worker_init_fn`` gives it, and ``worker_id`` is 0 and 1 in every
# epoch. A run seed that is added, as in ``42 + worker_id``, is the same in every
# epoch, too.
#
# With ``persistent_workers=True`` the workers live on and ``worker_init_fn`` runs once.
# The epochs then differ, and every *run* of the program is the same.

if __name__ == "__main__":
    runs = []
    for _ in range(2):
        persistent = DataLoader(
            RandomCrops(),
            batch_size=1,
            num_workers=WORKERS,
            worker_init_fn=seed_by_worker,
            persistent_workers=True,
        )
        runs.append([crops(persistent), crops(persistent)])
        del persistent
    (first, second), again = runs
    print("persistent:", count_distinct(first + second), "of 16 in two epochs")
    assert count_distinct(first + second) >= 15  # two may be alike by chance
    assert all(map(torch.equal, first + second, again[0] + again[1]))

# %%
# The fix
# -------
# Leave ``worker_init_fn`` out: torch seeds ``random``, ``np.random`` and ``torch`` in
# every worker that starts, from a number that it draws each time.

fixed = DataLoader(RandomCrops(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    different = [crops(fixed) for _ in range(3)]
    distinct = count_distinct(different[0] + different[1] + different[2])
    print(distinct, "distinct crops of 24 in three epochs")
    assert distinct >= 22

# %%
# If you need a seed of your own, for a library that torch does not know, take one that is
# new each time that workers start: ``torch.initial_seed()``, or ``get_worker_info().seed``.


def seed_from_torch(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


if __name__ == "__main__":
    loader = DataLoader(
        RandomCrops(),
        batch_size=1,
        num_workers=WORKERS,
        worker_init_fn=seed_from_torch,
    )
    distinct = count_distinct(crops(loader) + crops(loader) + crops(loader))
    print(distinct, "distinct crops of 24 in three epochs")
    assert distinct >= 22

# %%
# Proof
# -----
# What worker 0 makes first in three epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 3, figsize=(7, 4.8), layout="constrained")
    for row, name, epochs in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(epochs[epoch][0])
            ax.set(xticks=[], yticks=[], title=f"{name}: epoch {epoch}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Run your ``worker_init_fn`` on a dataset of random numbers, and compare two epochs.


class FirstDraw(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.random.random()


def epochs_repeat(worker_init_fn):
    loader = DataLoader(
        FirstDraw(),
        batch_size=None,
        num_workers=2,
        worker_init_fn=worker_init_fn,
    )
    return list(loader) == list(loader)


if __name__ == "__main__":
    of_broken = epochs_repeat(broken.worker_init_fn)
    of_fixed = epochs_repeat(fixed.worker_init_fn)
    print("broken:", of_broken)
    print("fixed: ", of_fixed)
    assert of_broken
    assert not of_fixed

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("worker-seed-without-epoch", "worker_init_fn")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The workers are alike as well:
#   :doc:`/gallery/2_randomness/plot_constant_worker_seed`.
# * A recipe that seems to have a random number in it and repeats every epoch:
#   :doc:`/gallery/2_randomness/plot_get_state_recipe`.
# * Epochs repeat, and nothing is seeded in the workers:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
