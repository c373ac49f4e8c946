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
worker_init_fn runs only once with persistent_workers
=====================================================

Persistent workers start once, so ``worker_init_fn`` sets no new seeds in later epochs.

* **You see:** Seeds that ``worker_init_fn`` computes for an epoch stay those of the
  first epoch.
* **Because:** ``worker_init_fn`` runs when a worker starts, and persistent workers
  start once.
* **Do:** Do not seed by epoch in ``worker_init_fn``: seed in the dataset, or let each
  worker's generator run on.
"""

# %%
# See it happen
# -------------
# A sample is a rotation angle, drawn from a seed and the index. ``worker_init_fn`` sets the
# seed to the random number that the loader draws when it starts workers. The dataset counts
# the calls of ``worker_init_fn`` in shared memory.

# sphinx_gallery_tags = ["same in every epoch", "persistent workers", "worker_init_fn", "seed"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["Angles", "SeededAngles"]

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

LENGTH = 12


def angle(*numbers):
    return float(np.random.default_rng(numbers).uniform(0, 360))


class Angles(Dataset):
    seed = 0

    def __init__(self):
        self.calls = torch.zeros(2, dtype=int).share_memory_()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return angle(self.seed, index)


def set_new_seed(worker_id):
    info = get_worker_info()
    info.dataset.seed = info.seed - info.id  # the same for all workers
    info.dataset.calls[worker_id] += 1


def load(dataset, worker_init_fn=None, persistent_workers=True):
    return DataLoader(
        dataset,
        batch_size=4,
        num_workers=2,
        worker_init_fn=worker_init_fn,
        persistent_workers=persistent_workers,
    )


broken = load(Angles(), set_new_seed)


def read(loader):
    return torch.cat(list(loader)).tolist()


def angles_of(loader):
    """Return the angle of each index in three epochs."""
    return np.array([read(loader) for _ in range(3)])


def distinct(angles):
    """Return the number of different angles of each index."""
    return [len(set(column)) for column in angles.T]


if __name__ == "__main__":
    for persistent, calls, per_index in ((False, 6, 3), (True, 2, 1)):
        dataset = Angles()
        broken_angles = angles_of(load(dataset, set_new_seed, persistent))
        print(
            f"persistent_workers={persistent}: {dataset.calls.sum()} calls,",
            f"angles of each index in 3 epochs: {distinct(broken_angles)}",
        )
        assert dataset.calls.sum() == calls
        assert distinct(broken_angles) == [per_index] * LENGTH
    print("broken:", distinct(broken_angles)[0], "distinct angle in 3 epochs")

# %%
# Why
# ---
# ``worker_init_fn`` runs when a worker starts. Two new workers in each of three epochs make
# six calls. Two persistent workers start once and make two calls.
#
# A seed computed from the epoch fails in another way. Below, ``worker_init_fn`` seeds
# NumPy's generator, which then runs on, so epochs differ. But a run resumed at epoch 1 does
# not repeat epoch 1 of the first run.


class Draws(Dataset):
    def __init__(self):
        self.epoch = torch.tensor(0).share_memory_()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return np.random.uniform(0, 360)


def seed_by_epoch(worker_id):
    epoch = int(get_worker_info().dataset.epoch)
    np.random.seed(1000 * epoch + worker_id)


def epochs_of(loader, first, last):
    epochs = []
    for epoch in range(first, last + 1):
        loader.dataset.epoch.fill_(epoch)
        epochs.append(read(loader))
    return epochs


def load_persistent():
    return DataLoader(
        Draws(),
        batch_size=4,
        num_workers=2,
        worker_init_fn=seed_by_epoch,
        persistent_workers=True,
    )


def load_non_persistent():
    return load(Draws(), seed_by_epoch, persistent_workers=False)


if __name__ == "__main__":
    for make_loader, expected in (
        (load_non_persistent, True),
        (load_persistent, False),
    ):
        whole_run = epochs_of(make_loader(), first=0, last=1)
        resumed = epochs_of(make_loader(), first=1, last=1)
        repeated = resumed == whole_run[1:]
        print(f"{make_loader.__name__}: resumed run matches: {repeated}")
        assert repeated == expected
        assert whole_run[0] != whole_run[1]

# %%
# The fix
# -------
# Seed each sample from the run's seed, the epoch and the index. Keep the epoch in shared
# memory, where persistent workers see its new value.


class SeededAngles(Dataset):
    def __init__(self, seed=42):
        self.seed = seed
        self.epoch = torch.tensor(0).share_memory_()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return angle(self.seed, int(self.epoch), index)


fixed = load(SeededAngles())


if __name__ == "__main__":
    whole_run = epochs_of(load(SeededAngles()), first=0, last=2)
    resumed = epochs_of(load(SeededAngles()), first=1, last=2)
    fixed_angles = np.array(whole_run)
    print("fixed:", distinct(fixed_angles)[0], "distinct angles in 3 epochs")
    print("resumed run matches:", resumed == whole_run[1:])
    assert distinct(fixed_angles) == [3] * LENGTH
    assert resumed == whole_run[1:]

# %%
# If epochs only need to differ, remove ``worker_init_fn`` and draw from ``np.random``. torch
# seeds ``np.random`` when a worker starts, and the generator runs on in persistent workers.

if __name__ == "__main__":
    drawn = angles_of(load(Draws()))
    print("angles of each index in 3 epochs:", distinct(drawn))
    assert distinct(drawn) == [3] * LENGTH

# %%
# Proof
# -----
# Compare the rows of a picture. Each arrow is the angle of one index in one epoch.


def plot(broken_angles, fixed_angles):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 2.6), sharey=True, layout="constrained"
    )
    columns, rows = np.meshgrid(range(LENGTH), range(3))
    for ax, name, angles in (
        (axes[0], "broken", broken_angles),
        (axes[1], "fixed", fixed_angles),
    ):
        radians = np.radians(angles)
        x, y = np.cos(radians), np.sin(radians)
        ax.quiver(columns, rows, x, y, pivot="mid", scale=14, color="#3b6fb6")
        ax.set(title=name, xlabel="index", xlim=(-1, LENGTH))
    axes[0].set(ylabel="epoch", yticks=range(3), ylim=(2.7, -0.7))
    plt.show()


if __name__ == "__main__":
    plot(broken_angles, fixed_angles)

# %%
# Find it in your code
# --------------------
# Count the indices that return the same sample in two epochs.


def same_in_two_epochs(loader):
    return sum(map(np.equal, read(loader), read(loader)))


if __name__ == "__main__":
    of_broken = same_in_two_epochs(load(Angles(), set_new_seed))
    of_np_random = same_in_two_epochs(load(Draws()))
    print(f"broken: {of_broken} of {LENGTH}, np.random: {of_np_random}")
    assert of_broken == LENGTH
    assert of_np_random == 0

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged. The audit compares
# the samples with those of new workers. To find seeds computed from the epoch, run
# ``python -m dejabatch lint``. Here the lint reads this page.

import sys
from pathlib import Path

import dejabatch
from dejabatch.lint import lint_paths

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("worker-init-runs-once", "worker_init_fn")
    ]
    assert dejabatch.audit(fixed).ok

    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        (place,) = lint_paths([script])
        print(f"line {place.line}: {place.slug}")
        assert place.slug == "worker-init-runs-once"

# %%
# See also
# --------
# * Epochs repeat with non-persistent workers, too:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * Changes of a dataset attribute do not reach the workers:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * A stream shuffles with the worker's seed:
#   :doc:`/gallery/4_streaming/plot_stream_with_fixed_shuffle`.
# * Persistent workers keep other things, too:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * :func:`torch.utils.data.get_worker_info`.
