# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "lightning",
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Workers draw the same numbers despite worker_init_fn
====================================================

``worker_init_fn`` runs once in each worker. A constant seed makes all workers
identical.

* **You see:** You added ``worker_init_fn``, and now every worker applies the same
  augmentations.
* **Because:** ``worker_init_fn`` seeds every worker with the same number.
* **Do:** Delete ``worker_init_fn``, or seed from ``torch.initial_seed() % 2**32``,
  which differs in each worker and changes each time workers start.
"""

# %%
# See it happen
# -------------
# This ``worker_init_fn`` seeds NumPy with 42 in every worker, so that runs repeat. Each
# sample is a random crop of one photograph. Two samples differ only if their
# augmentations differ.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "worker_init_fn"]
# sphinx_gallery_parallel = False

import logging
import random
import warnings

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
    broken_crops = crops(broken)
    distinct = count_distinct(broken_crops + crops(broken))
    print("broken:", distinct, "distinct crops of 16 in two epochs")
    assert count_distinct(broken_crops) == 4  # both workers make the same four
    assert distinct == 4

# %%
# Why
# ---
# torch gives each new worker its own seed, and then calls ``worker_init_fn``. The
# constant in ``worker_init_fn`` overwrites torch's seed. A helper that seeds
# ``random``, NumPy and torch with 42 has the same effect.


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
            assert distinct >= 7  # two crops may match by chance
        else:
            assert distinct == 4

# %%
# The fix
# -------
# Delete ``worker_init_fn``. To make runs repeat, call ``torch.manual_seed`` in the main
# process: torch derives the workers' seeds from it.

fixed = DataLoader(RandomCrops(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append([crops(fixed), crops(fixed)])
    (first, second), repeated = runs
    distinct = count_distinct(first + second)
    print("fixed:", distinct, "distinct crops of 16 in two epochs")
    assert count_distinct(first + second) >= 15
    assert all(map(torch.equal, first + second, repeated[0] + repeated[1]))

# %%
# To seed another generator in the workers, use ``torch.initial_seed()``. This number
# differs in each worker and changes each time workers start. Persistent workers start
# once, and their generators keep advancing.


def seed_from_torch(worker_id):
    # np.random.seed takes 32 bits.
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
# In Lightning, call ``seed_everything(0, workers=True)`` once, in the main program.
# Lightning then gives each loader a ``worker_init_fn``, unless it has one. The seeds
# differ by worker and epoch, and runs repeat. The loader ``broken`` keeps its
# ``worker_init_fn``, and so its constant seed.


def crops_in_lightning(loader):
    """Return the crops of two epochs, as a model gets them."""
    import lightning.pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    seen = []

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, number):
            seen.append(batch[0])

        def configure_optimizers(self):
            return None

    pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(Module(), loader)
    return seen


if __name__ == "__main__":
    from lightning.pytorch import seed_everything as seed_lightning

    runs = []
    for _ in range(2):
        seed_lightning(0, workers=True, verbose=False)
        loader = DataLoader(RandomCrops(), batch_size=1, num_workers=WORKERS)
        runs.append(crops_in_lightning(loader))
    constant = crops_in_lightning(broken)  # keeps its worker_init_fn
    print("Lightning, workers=True:", count_distinct(runs[0]), "of 16")
    print("Lightning, worker_init_fn:", count_distinct(constant), "of 16")
    assert count_distinct(runs[0]) >= 15
    assert all(map(torch.equal, *runs))
    assert count_distinct(constant) == 4

# %%
# Proof
# -----
# Compare the crops of worker 0 and worker 1. Each row shows two crops of each worker.


def plot(broken_crops, first):
    _, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", broken_crops),
        (axes[1], "fixed", first),
    ):
        for i, ax in enumerate(row):
            ax.imshow(images[i])
            ax.set(xticks=[], yticks=[], title=f"worker {i % 2}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(broken_crops, first)

# %%
# Find it in your code
# --------------------
# Run your ``worker_init_fn`` with this dataset, which returns the first draw of each
# generator. With two workers and two epochs, each generator should return 4 distinct
# numbers.


class FirstDraws(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return random.random(), np.random.random(), torch.rand(()).item()


def distinct_draws(worker_init_fn):
    """Count each generator's distinct draws: 2 workers, 2 epochs."""
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
    broken_draws = distinct_draws(broken.worker_init_fn)
    fixed_draws = distinct_draws(fixed.worker_init_fn)
    print("broken:", broken_draws)
    print("fixed: ", fixed_draws)
    assert broken_draws["np.random"] == 1
    assert set(fixed_draws.values()) == {4}

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

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
# * The workers differ, but every epoch repeats:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * A generator on the dataset repeats in every worker:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * PyTorch's reference for ``worker_init_fn``: :class:`torch.utils.data.DataLoader`.
