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

Not since torch 1.9: each worker seeds NumPy. Before it, all began with one state.

* **You see:** An article says that workers draw the same random numbers by default, and
  that ``worker_init_fn`` must seed them; or you see it, on an old torch.
* **Because:** Only torch older than 1.9 left ``np.random`` in every forked worker in
  the state of the main process; since 1.9 each worker seeds ``random``, ``torch`` and
  ``np.random`` for itself.
* **Do:** Use torch 1.9 or newer and let nothing reset NumPy in the workers; before 1.9,
  call ``np.random.seed(torch.initial_seed() % 2**32)`` in ``worker_init_fn``.
"""

# %%
# See it happen
# -------------
# You cannot, on this build. The samples of this dataset are what the worker's three
# global generators draw next, with nothing seeded by hand. If all workers started with
# the same seed, each column would hold one number for each epoch.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "NumPy"]
# sphinx_gallery_parallel = False

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


# There is nothing to fix in it.
fixed = DataLoader(Draws(), batch_size=1, num_workers=WORKERS)


def two_epochs(loader):
    return [
        [{k: v.item() for k, v in b.items()} for b in loader] for _ in range(2)
    ]


def count_distinct(epochs, generator):
    return len({sample[generator] for epoch in epochs for sample in epoch})


if __name__ == "__main__":
    today = two_epochs(fixed)
    print("torch", torch.__version__)
    print(f"{'random':>24} {'np.random':>10} {'torch':>10}")
    for epoch, samples in enumerate(today):
        for s in samples:
            numbers = [s["random"], s["np.random"], s["torch"]]
            print(f"epoch {epoch} worker {s['worker']}", end="")
            print(*(f"{number:10.4f}" for number in numbers))
    for generator in ("random", "np.random", "torch"):
        assert count_distinct(today, generator) == 2 * WORKERS

# %%
# Why
# ---
# Each time workers are started, the main process draws a random number, the *base seed*,
# from the loader's ``generator``, or from torch's global one. Worker ``w`` seeds ``random`` and ``torch`` with
# ``base_seed + w``. NumPy gets four words mixed from the base seed and ``w``, so its
# stream is not that of ``np.random.seed(seed % 2**32)``.

from torch.utils.data._utils.worker import (
    _generate_state,  # private: for the proof
)

if __name__ == "__main__":
    for samples in today:
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
# A new epoch starts new workers, with a new base seed. With ``persistent_workers=True``
# they are started once: the seed stays and the streams go on.

if __name__ == "__main__":
    assert count_distinct(today, "seed") == 2 * WORKERS
    persistent = DataLoader(
        Draws(), batch_size=1, num_workers=WORKERS, persistent_workers=True
    )
    epochs = two_epochs(persistent)
    del persistent  # ends its workers
    assert count_distinct(epochs, "seed") == WORKERS
    for generator in ("random", "np.random", "torch"):
        assert count_distinct(epochs, generator) == 2 * WORKERS

# %%
# What was true before torch 1.9
# ------------------------------
# A forked worker starts as a copy of the main process, and nothing seeded NumPy in it.
# The next loader puts that back on purpose: ``worker_init_fn`` gives NumPy the state of
# the main process again. All workers draw alike, and so do all epochs, as long as the
# main process does not draw from NumPy. ``random`` and ``torch`` are unaffected.


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
    before = two_epochs(broken)
    for generator in ("random", "np.random", "torch"):
        distinct = count_distinct(before, generator)
        print(f"{generator:9} {distinct} distinct of {2 * WORKERS}")
    assert count_distinct(before, "np.random") == 1
    assert count_distinct(before, "random") == 2 * WORKERS
    assert count_distinct(before, "torch") == 2 * WORKERS

# %%
# The fix
# -------
# On torch 1.9 or newer there is nothing to fix: ``fixed`` above is a plain loader. If you
# cannot upgrade, hand torch's own seed to NumPy.


def seed_numpy(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


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
    after = two_epochs(repaired)
    distinct = count_distinct(after, "np.random")
    print(f"np.random {distinct} distinct of {2 * WORKERS}")
    assert distinct == 2 * WORKERS
    assert count_distinct(after, "seed") == 2 * WORKERS

# %%
# Proof
# -----
# What ``np.random`` drew. The same colour is the same number.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    release = torch.__version__.split("+")[0]
    grids = {
        "broken: as before torch 1.9": before,
        f"fixed: torch {release}": today,
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

# %%
# Find it in your code
# --------------------
# Print ``torch.__version__`` where your training runs, and look at what draws your
# random numbers.
#
# * **torch 1.9 or newer, global functions** (``np.random.rand()``, ``random.random()``,
#   ``torch.rand(1)``): the loader at the top of this page is yours. Something else
#   repeats.
# * **torch 1.9 or newer, a generator object** (``np.random.default_rng()``, a
#   ``RandomState``, a ``random.Random``, a ``torch.Generator``) kept on the dataset or
#   on a transform: read
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * **any version, with a worker_init_fn that calls** ``np.random.seed``: with a constant,
#   read :doc:`/gallery/2_randomness/plot_constant_worker_seed`; with ``worker_id``,
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`; with ``get_state()``,
#   :doc:`/gallery/2_randomness/plot_get_state_recipe`. With
#   ``torch.initial_seed() % 2**32`` it is right in one process, and ranks that have one seed
#   draw alike: :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * **torch older than 1.9 and** ``np.random``: the fix above.

if __name__ == "__main__":
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    print("torch seeds np.random in workers here:", (major, minor) >= (1, 9))
    assert (major, minor) >= (1, 9)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * PyTorch's change that seeds NumPy, in torch 1.9 (2021):
#   `pytorch#56488 <https://github.com/pytorch/pytorch/pull/56488>`__; and the one that
#   seeds ``random`` (2018): `pytorch#5415 <https://github.com/pytorch/pytorch/pull/5415>`__.
# * The thread in which people met it:
#   `pytorch#5059 <https://github.com/pytorch/pytorch/issues/5059>`__.
# * :func:`torch.utils.data.get_worker_info` and :func:`torch.initial_seed`.
