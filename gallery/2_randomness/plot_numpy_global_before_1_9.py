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
All workers draw the same NumPy random numbers
==============================================

Since torch 1.9, each worker seeds NumPy. Before, all workers started in one NumPy
state.

* **You see:** With torch 1.8 or older, several workers return the same random images. Or
  you read that ``worker_init_fn`` must seed NumPy.
* **Because:** Before torch 1.9, every forked worker inherited the ``np.random`` state
  of the main process. Since 1.9, torch also seeds ``np.random`` in every worker.
* **Do:** Use torch 1.9 or newer, and reset ``np.random`` nowhere in the workers. Before
  1.9, call ``np.random.seed(torch.initial_seed() % 2**32)`` in ``worker_init_fn``.
"""

# %%
# See it happen
# -------------
# You cannot see this failure on torch 1.9 or newer. Each sample is the next draw of the
# worker's three global generators. No ``worker_init_fn`` seeds the generators, and all
# numbers differ.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "NumPy"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["fixed", "seeded"]

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

WORKERS = 4


class Draws(Dataset):
    def __len__(self):
        return WORKERS

    def __getitem__(self, index):
        return {
            "worker": get_worker_info().id,
            "seed": get_worker_info().seed,
            "random": random.random(),
            "np.random": np.random.random(),
            "torch": torch.rand((), dtype=torch.float64),
        }


# A plain DataLoader needs no fix on torch 1.9 or newer.
fixed = DataLoader(Draws(), batch_size=1, num_workers=WORKERS)


def two_epochs(loader):
    return [
        [{k: v.item() for k, v in b.items()} for b in loader] for _ in range(2)
    ]


def count_distinct(epochs, generator):
    return len({sample[generator] for epoch in epochs for sample in epoch})


if __name__ == "__main__":
    fixed_epochs = two_epochs(fixed)
    distinct = count_distinct(fixed_epochs, "np.random")
    print(
        "fixed:",
        distinct,
        "distinct of 8 NumPy draws, torch",
        torch.__version__,
    )
    for generator in ("random", "np.random", "torch"):
        assert count_distinct(fixed_epochs, generator) == 2 * WORKERS

# %%
# Why
# ---
# Each time workers start, the main process draws a *base seed* from torch's global
# generator. Worker ``w`` seeds ``random`` and ``torch`` with ``base_seed + w``. NumPy
# gets four words mixed from the base seed and ``w``, not ``seed % 2**32``.

# Private to torch; only this proof needs it.
from torch.utils.data._utils.worker import _generate_state

if __name__ == "__main__":
    for samples in fixed_epochs:
        base_seed = samples[0]["seed"]
        for s in samples:
            assert s["seed"] == base_seed + s["worker"]
            assert s["random"] == random.Random(s["seed"]).random()
            generator = torch.Generator().manual_seed(s["seed"])
            expected = torch.rand((), dtype=torch.float64, generator=generator)
            assert s["torch"] == expected.item()
            words = _generate_state(base_seed, s["worker"])
            assert len(words) == 4
            assert s["np.random"] == np.random.RandomState(words).random()
            thirty_two_bits = np.random.RandomState(s["seed"] % 2**32)
            assert s["np.random"] != thirty_two_bits.random()

    torch.manual_seed(7)
    base_seed = torch.empty((), dtype=torch.int64).random_().item()
    torch.manual_seed(7)
    assert next(iter(fixed))["seed"].item() == base_seed
    print("base seed after torch.manual_seed(7):", base_seed)

# %%
# Each epoch starts new workers with a new base seed. With ``persistent_workers=True``,
# workers start once: their seeds stay, and their streams continue.

if __name__ == "__main__":
    assert count_distinct(fixed_epochs, "seed") == 2 * WORKERS
    persistent = DataLoader(
        Draws(), batch_size=1, num_workers=WORKERS, persistent_workers=True
    )
    epochs = two_epochs(persistent)
    del persistent  # ends its workers
    assert count_distinct(epochs, "seed") == WORKERS
    for generator in ("random", "np.random", "torch"):
        assert count_distinct(epochs, generator) == 2 * WORKERS

# %%
# Before torch 1.9
# ----------------
# A forked worker starts as a copy of the main process, and older torch did not seed
# NumPy there. This loader imitates older torch: ``worker_init_fn`` restores the NumPy
# state of the main process. All workers and all epochs draw the same NumPy numbers.
# ``random`` and ``torch`` still differ.


class AsBeforeTorch19:
    def __init__(self):
        self.state = np.random.get_state()

    def __call__(self, worker_id):
        np.random.set_state(self.state)


broken = DataLoader(
    Draws(),
    batch_size=1,
    num_workers=WORKERS,
    worker_init_fn=AsBeforeTorch19(),
)

if __name__ == "__main__":
    broken_epochs = two_epochs(broken)
    distinct = count_distinct(broken_epochs, "np.random")
    print(
        "broken:", distinct, "distinct of 8 NumPy draws, as before torch 1.9"
    )
    for generator in ("random", "np.random", "torch"):
        distinct = count_distinct(broken_epochs, generator)
        print(f"{generator:9} {distinct} distinct of {2 * WORKERS}")
    assert count_distinct(broken_epochs, "np.random") == 1
    assert count_distinct(broken_epochs, "random") == 2 * WORKERS
    assert count_distinct(broken_epochs, "torch") == 2 * WORKERS

# %%
# The fix
# -------
# On torch 1.9 or newer, use a plain DataLoader, such as ``fixed``. If you cannot
# upgrade, seed NumPy from torch's seed.


def seed_numpy(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


seeded = DataLoader(
    Draws(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_numpy
)


class AsBeforeTorch19ThenSeeded(AsBeforeTorch19):
    def __call__(self, worker_id):
        super().__call__(worker_id)
        seed_numpy(worker_id)


repaired = DataLoader(
    Draws(),
    batch_size=1,
    num_workers=WORKERS,
    worker_init_fn=AsBeforeTorch19ThenSeeded(),
)

if __name__ == "__main__":
    repaired_epochs = two_epochs(repaired)
    distinct = count_distinct(repaired_epochs, "np.random")
    print(f"np.random {distinct} distinct of {2 * WORKERS}")
    assert distinct == 2 * WORKERS
    assert count_distinct(repaired_epochs, "seed") == 2 * WORKERS
    assert count_distinct(two_epochs(seeded), "np.random") == 2 * WORKERS

# %%
# Proof
# -----
# Equal colours are equal draws of ``np.random``. The first picture has one colour.


def plot(broken_epochs, fixed_epochs):
    _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    release = torch.__version__.split("+")[0]
    grids = {
        "broken: as before torch 1.9": broken_epochs,
        f"fixed: torch {release}": fixed_epochs,
    }
    centred = {"ha": "center", "va": "center"}
    for ax, (title, epochs) in zip(axes, grids.items(), strict=True):
        draws = np.array([[s["np.random"] for s in epoch] for epoch in epochs])
        ax.imshow(draws, vmin=0, vmax=1, cmap="cividis")
        for (epoch, worker), draw in np.ndenumerate(draws):
            colour = "white" if draw < 0.5 else "black"
            ax.text(worker, epoch, f"{draw:.2f}", c=colour, **centred)
        ax.set(title=title, xlabel="worker", ylabel="epoch")
        ax.set(xticks=range(WORKERS), yticks=range(2))
    plt.show()


if __name__ == "__main__":
    plot(broken_epochs, fixed_epochs)

# %%
# Find it in your code
# --------------------
# Print ``torch.__version__`` where your training runs, and search your code for random
# draws.
#
# * **torch 1.9 or newer, global functions** (``np.random.rand()``, ``random.random()``,
#   ``torch.rand(1)``): your loader works like ``fixed``. Find another cause by
#   :doc:`what you see </symptoms/index>`.
# * **torch 1.9 or newer, a generator object** (``np.random.default_rng()``,
#   ``RandomState``, ``random.Random``, ``torch.Generator``) on the dataset or a
#   transform: read :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * **Any version, with** ``np.random.seed`` **in** ``worker_init_fn``: for a constant,
#   read :doc:`/gallery/2_randomness/plot_constant_worker_seed`. For ``worker_id``, read
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`. For ``get_state()``,
#   read :doc:`/gallery/2_randomness/plot_get_state_recipe`. For
#   ``torch.initial_seed() % 2**32`` on several ranks, read
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * **torch older than 1.9, with** ``np.random``: use the fix above.

if __name__ == "__main__":
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    print("torch seeds np.random in workers here:", (major, minor) >= (1, 9))
    assert (major, minor) >= (1, 9)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("numpy-global-before-1-9", "np.random")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * torch 1.9 (2021) seeds NumPy: `pytorch#56488
#   <https://github.com/pytorch/pytorch/pull/56488>`__. A change of 2018 seeds
#   ``random``: `pytorch#5415 <https://github.com/pytorch/pytorch/pull/5415>`__.
# * User reports: `pytorch#5059 <https://github.com/pytorch/pytorch/issues/5059>`__.
# * PyTorch's reference: :func:`torch.utils.data.get_worker_info` and
#   :func:`torch.initial_seed`.
