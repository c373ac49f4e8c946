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
np.random.get_state() in worker_init_fn repeats every epoch
===========================================================

``np.random.get_state()[1][0]`` is the same number in every worker, epoch and run.

* **You see:** With ``np.random.seed(np.random.get_state()[1][0] + worker_id)`` in
  ``worker_init_fn``, the workers differ, but every epoch repeats the first epoch.
* **Because:** Since torch 1.9, ``np.random.get_state()[1][0]`` is 2147483648 in every
  worker, so every epoch seeds NumPy with the same numbers.
* **Do:** Delete the recipe: torch 1.9 and newer seed ``np.random`` in every worker.
"""

# %%
# See it happen
# -------------
# Three workers run for three epochs, in two runs with different seeds.

# sphinx_gallery_tags = ["same in every epoch", "same in every run", "NumPy"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

WORKERS = 3


def recipe(worker_id):
    np.random.seed(np.random.get_state()[1][0] + worker_id)


class NumpyDraws(Dataset):
    def __len__(self):
        return WORKERS

    def __getitem__(self, index):
        return np.random.random()


broken = DataLoader(
    NumpyDraws(), batch_size=1, num_workers=WORKERS, worker_init_fn=recipe
)


def run(loader, seed, epochs=3):
    """Return the draws of a run, by worker (row) and epoch (column)."""
    torch.manual_seed(seed)
    return torch.stack([torch.cat(list(loader)) for _ in range(epochs)], dim=1)


if __name__ == "__main__":
    broken_run_1, broken_run_2 = run(broken, seed=1), run(broken, seed=2)
    both_runs = torch.cat([broken_run_1, broken_run_2])
    print(
        "broken:", len(both_runs.unique()), "distinct of 18 draws in two runs"
    )
    assert (broken_run_1 == broken_run_1[:, :1]).all()  # every epoch repeats
    assert (broken_run_1 == broken_run_2).all()  # both runs are equal
    # Only the workers differ.
    assert len(set(broken_run_1[:, 0].tolist())) == WORKERS

# %%
# Why
# ---
# Before ``worker_init_fn``, torch seeds NumPy in each worker with an *array* of words.
# NumPy's generator, MT19937, then sets the first of its 624 state words to 2147483648.
# Word 0 therefore does not depend on the seed, and the recipe calls
# ``np.random.seed(2147483648 + worker_id)``.

if __name__ == "__main__":
    for words in ([1, 2, 3, 4], [2026, 7, 0, 0], [4_000_000_000, 5, 6, 7]):
        state = np.random.RandomState(words).get_state()[1]
        print(f"seeded with {words}: word 0 is {state[0]}")
        assert len(state) == 624
        assert state[0] == 2147483648

    constant = [
        np.random.RandomState(2147483648 + w).random() for w in range(WORKERS)
    ]
    assert broken_run_1[:, 0].tolist() == constant

# %%
# If you seed NumPy with one integer, word 0 *is* that integer. The recipe needs workers
# that inherit such a state from the main process.

assert np.random.RandomState(42).get_state()[1][0] == 42

# %%
# With ``persistent_workers=True``, workers start once and the epochs differ. Every run
# still repeats.

if __name__ == "__main__":
    runs = []
    for seed in (1, 2):
        persistent = DataLoader(
            NumpyDraws(),
            batch_size=1,
            num_workers=WORKERS,
            worker_init_fn=recipe,
            persistent_workers=True,
        )
        runs.append(run(persistent, seed, epochs=2))
    del persistent  # ends its workers
    assert (runs[0] == runs[1]).all()
    assert len(set(runs[0].flatten().tolist())) == 2 * WORKERS

# %%
# Before torch 1.9, workers inherited the main process's NumPy state. This loader
# imitates older torch by restoring such a state first. The recipe then makes the
# workers differ, but every epoch repeats.


class RecipeBeforeTorch19:
    def __init__(self):
        self.state = np.random.RandomState(42).get_state()

    def __call__(self, worker_id):
        np.random.set_state(self.state)
        recipe(worker_id)


if __name__ == "__main__":
    old_loader = DataLoader(
        NumpyDraws(),
        batch_size=1,
        num_workers=WORKERS,
        worker_init_fn=RecipeBeforeTorch19(),
    )
    old_draws = run(old_loader, seed=1, epochs=2)
    assert len(set(old_draws[:, 0].tolist())) == WORKERS
    assert (old_draws == old_draws[:, :1]).all()

# %%
# The recipe has no effect on Python's random
# -------------------------------------------
# If your transform draws from Python's ``random``, the recipe changes nothing. With and
# without the recipe, ``random`` draws the numbers that torch seeded.


class PythonDraws(NumpyDraws):
    def __getitem__(self, index):
        return random.random()


if __name__ == "__main__":
    options = {"batch_size": 1, "num_workers": WORKERS}
    plain = DataLoader(PythonDraws(), **options)
    with_recipe = DataLoader(PythonDraws(), **options, worker_init_fn=recipe)
    drawn = run(plain, seed=1, epochs=2)
    assert (drawn == run(with_recipe, seed=1, epochs=2)).all()
    assert len(set(drawn.flatten().tolist())) == 2 * WORKERS
    torch.manual_seed(1)
    base_seed = torch.empty((), dtype=torch.int64).random_().item()
    assert drawn[0, 0].item() == random.Random(base_seed).random()
    print("random draws the same numbers with and without the recipe")

# %%
# The fix
# -------
# Delete the recipe. torch gives NumPy a different seed in each worker and each epoch.

fixed = DataLoader(NumpyDraws(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    fixed_run_1, fixed_run_2 = run(fixed, seed=1), run(fixed, seed=2)
    both_runs = torch.cat([fixed_run_1, fixed_run_2])
    print(
        "fixed:", len(both_runs.unique()), "distinct of 18 draws in two runs"
    )
    assert len(both_runs.unique()) == 6 * WORKERS
    assert (run(fixed, seed=1, epochs=1) == fixed_run_1[:, :1]).all()

# %%
# Any seed that ignores the epoch has the same effect, such as ``42 + worker_id``.


def seed_with_worker_id(worker_id):
    np.random.seed(42 + worker_id)


if __name__ == "__main__":
    by_worker_id = DataLoader(
        NumpyDraws(),
        batch_size=1,
        num_workers=WORKERS,
        worker_init_fn=seed_with_worker_id,
    )
    drawn = run(by_worker_id, seed=1, epochs=2)
    assert (drawn == drawn[:, :1]).all()

# %%
# Keep ``worker_init_fn`` only for a generator that torch does not seed, such as a
# library's. Seed that generator from :func:`torch.initial_seed`.


class Library:
    rng = random.Random(0)


class LibraryDraws(NumpyDraws):
    def __getitem__(self, index):
        return Library.rng.random()


def seed_library(worker_id):
    Library.rng.seed(torch.initial_seed())


if __name__ == "__main__":
    options = {"batch_size": 1, "num_workers": WORKERS}
    unseeded = DataLoader(LibraryDraws(), **options)
    assert len(set(run(unseeded, seed=1, epochs=2).flatten().tolist())) == 1
    seeded = DataLoader(LibraryDraws(), **options, worker_init_fn=seed_library)
    drawn = run(seeded, seed=1, epochs=2)
    assert len(set(drawn.flatten().tolist())) == 2 * WORKERS

# %%
# Proof
# -----
# Equal colours are equal numbers. Each picture shows three epochs of two runs.


def plot(broken_run_1, broken_run_2, fixed_run_1, fixed_run_2):
    _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    grids = (
        torch.cat([broken_run_1, broken_run_2], dim=1),
        torch.cat([fixed_run_1, fixed_run_2], dim=1),
    )
    titles = (
        "broken",
        "fixed",
    )
    for ax, grid, title in zip(axes, grids, titles, strict=True):
        ax.imshow(grid, vmin=0, vmax=1, cmap="cividis")
        ax.axvline(2.5, color="white", linewidth=4)
        ax.set(
            title=title,
            ylabel="worker",
            xlabel="epochs of run 1     and of run 2",
        )
        ax.set(
            yticks=range(WORKERS), xticks=range(6), xticklabels=[0, 1, 2] * 2
        )
    plt.show()


if __name__ == "__main__":
    plot(broken_run_1, broken_run_2, fixed_run_1, fixed_run_2)

# %%
# Find it in your code
# --------------------
# Search your project for the recipe. Then read one sample in four workers and two
# epochs. Eight different results are right.
#
# .. code-block:: console
#
#    $ git grep -nF "get_state()[1][0]"
#    $ git grep -nF "np.random.seed("


def count_augmentations(loader, workers=4):
    """Read sample 0 once in each worker, in two epochs."""
    probe = DataLoader(
        loader.dataset,
        sampler=[0] * workers,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=loader.worker_init_fn,
    )
    return len({str(np.asarray(s).tolist()) for _ in range(2) for s in probe})


if __name__ == "__main__":
    print("broken:", count_augmentations(broken), "of 8")
    print("fixed: ", count_augmentations(fixed), "of 8")
    assert count_augmentations(broken) == 4
    assert count_augmentations(fixed) == 8

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("get-state-recipe", "worker_init_fn")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * ``worker_init_fn`` seeds all workers with one constant:
#   :doc:`/gallery/2_randomness/plot_constant_worker_seed`.
# * ``worker_init_fn`` seeds each worker with ``worker_id``:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * The seeds of a worker since torch 1.9:
#   :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.
# * User reports: `yolov5#2761 <https://github.com/ultralytics/yolov5/issues/2761>`__,
#   `pytorch#5059 <https://github.com/pytorch/pytorch/issues/5059>`__.
# * ``init_by_array`` in the `Mersenne Twister
#   <http://www.math.sci.hiroshima-u.ac.jp/m-mat/MT/MT2002/emt19937ar.html>`__.
