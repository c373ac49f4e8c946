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
Every epoch is the same, although worker_init_fn seeds each worker
==================================================================

A popular line seeds NumPy with a constant: every run draws the same numbers.

* **You see:** With ``np.random.seed(np.random.get_state()[1][0] + worker_id)`` in
  ``worker_init_fn``, the workers differ, but each epoch repeats the one before it.
* **Because:** Since torch 1.9, ``np.random.get_state()[1][0]`` is 2147483648 in every
  worker when ``worker_init_fn`` runs, so this popular recipe seeds NumPy with the same
  numbers each time workers start.
* **Do:** Delete the recipe: torch 1.9 and newer seed ``np.random`` in every worker that
  they start.
"""

# %%
# See it happen
# -------------
# Three workers, three epochs, and two "runs" that start from different seeds. Each line
# of the output is a worker.

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
    """Return what each worker drew in each epoch of a run: [worker, epoch]."""
    torch.manual_seed(seed)
    return torch.stack([torch.cat(list(loader)) for _ in range(epochs)], dim=1)


if __name__ == "__main__":
    monday, tuesday = run(broken, seed=1), run(broken, seed=2)
    print("      run with seed 1          run with seed 2")
    for a, b in zip(monday.tolist(), tuesday.tolist(), strict=True):
        print(*(f"{x:7.4f}" for x in a), "  ", *(f"{x:7.4f}" for x in b))
    assert (monday == monday[:, :1]).all()  # all epochs alike
    assert (monday == tuesday).all()  # all runs alike
    assert (
        len(set(monday[:, 0].tolist())) == WORKERS
    )  # only the workers differ

# %%
# Why
# ---
# torch seeds NumPy in each worker with an *array* of four words before it calls
# ``worker_init_fn``. NumPy's generator, MT19937, sets the first of its 624 state words
# to 2147483648 (``0x80000000``) whenever it is seeded with several words, so that the state
# can never be all zeros. Word 0 therefore says nothing about the seed, and the recipe amounts to
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
    assert monday[:, 0].tolist() == constant

# %%
# Seeded with a single integer, word 0 *is* that integer. The recipe makes sense only for
# workers that inherit the state of a main process that called
# ``np.random.seed(some_integer)``.

assert np.random.RandomState(42).get_state()[1][0] == 42

# %%
# ``persistent_workers=True`` starts workers once, so the stream goes on and the epochs
# differ. Still, every run is the same.

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
# Before torch 1.9, workers inherited that state, and the recipe did tell them apart. The
# epochs were alike even then, as long as the main process did not draw from NumPy. It is
# emulated here: this loader first puts the state of a seeded main process back.


class RecipeBeforeTorch19:
    def __init__(self):
        self.state = np.random.RandomState(42).get_state()

    def __call__(self, worker_id):
        np.random.set_state(self.state)
        recipe(worker_id)


if __name__ == "__main__":
    long_ago = DataLoader(
        NumpyDraws(),
        batch_size=1,
        num_workers=WORKERS,
        worker_init_fn=RecipeBeforeTorch19(),
    )
    old = run(long_ago, seed=1, epochs=2)
    assert len(set(old[:, 0].tolist())) == WORKERS
    assert (old == old[:, :1]).all()

# %%
# It may even seed the wrong generator
# ------------------------------------
# The recipe is often pasted beside a transform that draws from Python's ``random``. It
# does nothing there: with and without it, ``random`` draws the same numbers, those that
# torch has seeded.


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
    print(f"{2 * WORKERS} different numbers from random, with or without it")

# %%
# The fix
# -------
# Delete the recipe. torch's own seeding differs between workers and each time that they
# start, and follows ``torch.manual_seed``: another seed, another run; the same seed, the
# same run.

fixed = DataLoader(NumpyDraws(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    first, second = run(fixed, seed=1), run(fixed, seed=2)
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        print(*(f"{x:7.4f}" for x in a), "  ", *(f"{x:7.4f}" for x in b))
    assert len(set(first.flatten().tolist())) == 3 * WORKERS
    assert not set(first.flatten().tolist()) & set(second.flatten().tolist())
    assert (run(fixed, seed=1, epochs=1) == first[:, :1]).all()

# %%
# The failure is the same with any seed that does not change, such as ``worker_id`` or
# ``42 + worker_id``.


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
# Keep a ``worker_init_fn`` only for a generator that torch does not know, such as that
# of another library. Take its seed from :func:`torch.initial_seed`.


class Library:
    rng = random.Random(0)


class LibraryDraws(NumpyDraws):
    def __getitem__(self, index):
        return Library.rng.random()


def seed_library(worker_id):
    Library.rng.seed(torch.initial_seed())


if __name__ == "__main__":
    options = {"batch_size": 1, "num_workers": WORKERS}
    alike = DataLoader(LibraryDraws(), **options)
    assert len(set(run(alike, seed=1, epochs=2).flatten().tolist())) == 1
    seeded = DataLoader(LibraryDraws(), **options, worker_init_fn=seed_library)
    drawn = run(seeded, seed=1, epochs=2)
    assert len(set(drawn.flatten().tolist())) == 2 * WORKERS

# %%
# Proof
# -----
# Three epochs of a run with seed 1, then three of a run with seed 2. The same colour is
# the same number.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    grids = (
        torch.cat([monday, tuesday], dim=1),
        torch.cat([first, second], dim=1),
    )
    titles = (
        "broken: each worker repeats one number",
        "fixed: no number twice",
    )
    for ax, grid, title in zip(axes, grids, titles, strict=True):
        ax.imshow(grid, vmin=0, vmax=1, cmap="cividis")
        ax.axvline(2.5, color="white", linewidth=4)
        ax.set(
            title=title,
            ylabel="worker",
            xlabel="run 1, epoch      run 2, epoch",
        )
        ax.set(
            yticks=range(WORKERS), xticks=range(6), xticklabels=[0, 1, 2] * 2
        )
    plt.show()

# %%
# Find it in your code
# --------------------
# Search your project, then read one sample in every worker, twice, and count what comes
# back. Eight different results are right; four mean that the epochs repeat.
#
# .. code-block:: console
#
#    $ git grep -nF "get_state()[1][0]"
#    $ git grep -nF "np.random.seed("


def content(x):
    """Copy a sample into something that can be compared."""
    if isinstance(x, dict):
        return tuple((key, content(value)) for key, value in x.items())
    if isinstance(x, (list, tuple)):
        return tuple(content(value) for value in x)
    return x.numpy().tobytes() if isinstance(x, torch.Tensor) else x


def count_augmentations(loader, workers=4):
    """Read sample 0 once in each worker, in two epochs."""
    probe = DataLoader(
        loader.dataset,
        sampler=[0] * workers,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=loader.worker_init_fn,
    )
    return len({content(sample) for _ in range(2) for sample in probe})


if __name__ == "__main__":
    print("broken:", count_augmentations(broken), "of 8")
    print("fixed: ", count_augmentations(fixed), "of 8")
    assert count_augmentations(broken) == 4
    assert count_augmentations(fixed) == 8

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds. Other fixed seeds have pages of their own:
# :doc:`/gallery/2_randomness/plot_constant_worker_seed` and
# :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.

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
# * What torch seeds in a worker, and since when:
#   :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.
# * The numbers come from a generator object rather than from ``np.random``:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Where people met the recipe:
#   `yolov5#2761 <https://github.com/ultralytics/yolov5/issues/2761>`__,
#   `pytorch#5059 <https://github.com/pytorch/pytorch/issues/5059>`__.
# * :func:`numpy.random.get_state`, and ``init_by_array`` in the reference
#   implementation of the `Mersenne Twister
#   <http://www.math.sci.hiroshima-u.ac.jp/m-mat/MT/MT2002/emt19937ar.html>`__.
