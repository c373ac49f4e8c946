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
Augmentations repeat every epoch despite worker_init_fn
=======================================================

Each epoch calls ``worker_init_fn`` again, which sets the same seeds again.

* **You see:** The workers differ, but each worker repeats its first epoch in every
  later epoch.
* **Because:** ``worker_init_fn`` seeds each worker with a number that ignores the
  epoch, such as ``worker_id``.
* **Do:** Delete ``worker_init_fn``, or seed from ``torch.initial_seed() % 2**32``,
  which differs in each worker and changes each time workers start.
"""

# %%
# See it happen
# -------------
# This ``worker_init_fn`` seeds each worker with its number. The workers differ, but the
# epochs repeat. Each sample is a random crop of one photograph.

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
    broken_epochs = [crops(broken) for _ in range(3)]
    distinct = count_distinct([c for epoch in broken_epochs for c in epoch])
    print("broken:", distinct, "distinct crops of 24 in three epochs")
    assert count_distinct(broken_epochs[0]) == distinct == 8

# %%
# Why
# ---
# Each epoch starts new workers, and each new worker calls ``worker_init_fn``.
# ``worker_id`` is 0 and 1 in every epoch, so the seeds repeat.
#
# With ``persistent_workers=True``, ``worker_init_fn`` runs once. The epochs differ, but
# every *run* of the program repeats.

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
    (first, second), repeated = runs
    print("persistent:", count_distinct(first + second), "of 16 in two epochs")
    # Two crops may match by chance.
    assert count_distinct(first + second) >= 15
    assert all(map(torch.equal, first + second, repeated[0] + repeated[1]))

# %%
# The fix
# -------
# Delete ``worker_init_fn``. torch already gives every new worker a new seed.

fixed = DataLoader(RandomCrops(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    fixed_epochs = [crops(fixed) for _ in range(3)]
    distinct = count_distinct([c for epoch in fixed_epochs for c in epoch])
    print("fixed:", distinct, "distinct crops of 24 in three epochs")
    assert distinct >= 22

# %%
# To seed another generator, such as a library's, use ``torch.initial_seed()``. This
# number changes each time workers start.


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
# Compare the three epochs of a row. Each row shows the first crop of worker 0.


def plot(broken_epochs, fixed_epochs):
    _, axes = plt.subplots(2, 3, figsize=(7, 4.8), layout="constrained")
    for row, name, epochs in (
        (axes[0], "broken", broken_epochs),
        (axes[1], "fixed", fixed_epochs),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(epochs[epoch][0])
            ax.set(xticks=[], yticks=[], title=f"epoch {epoch}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(broken_epochs, fixed_epochs)

# %%
# Find it in your code
# --------------------
# Run your ``worker_init_fn`` with a dataset of random numbers, and compare two epochs.


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
    broken_repeats = epochs_repeat(broken.worker_init_fn)
    fixed_repeats = epochs_repeat(fixed.worker_init_fn)
    print("broken repeats its epochs:", broken_repeats)
    print("fixed repeats its epochs: ", fixed_repeats)
    assert broken_repeats
    assert not fixed_repeats

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

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
# * All workers draw the same numbers, too:
#   :doc:`/gallery/2_randomness/plot_constant_worker_seed`.
# * ``worker_init_fn`` calls ``np.random.get_state()``, and every epoch repeats:
#   :doc:`/gallery/2_randomness/plot_get_state_recipe`.
# * In Lightning, use ``seed_everything(0, workers=True)`` instead of ``worker_init_fn``:
#   :doc:`/gallery/2_randomness/plot_constant_worker_seed`. Releases 2.4 to 2.6.0 repeat
#   every epoch: :doc:`/gallery/2_randomness/plot_seeds_equal_in_32_bits`.
# * Epochs repeat without a ``worker_init_fn``:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
