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
Another rank or another run repeats the augmentations of this one
=================================================================

A sum of seed, rank and worker is the sum of other seeds, ranks and workers, too.

* **You see:** Two ranks share some of their augmentations, or runs with the seeds 42
  and 43 share most of them.
* **Because:** Seeds that are made by adding, such as ``seed + rank + worker_id``, have
  the same sum for other numbers.
* **Do:** Mix instead of adding: ``np.random.SeedSequence([torch.initial_seed(), rank,
  worker_id])``.
"""

# %%
# See it happen
# -------------
# Each worker of each rank gets a seed of its own: the run's seed, plus the rank, plus the
# number of the worker. The rank is an argument here, so that this runs without a cluster.

# sphinx_gallery_tags = ["same across ranks", "same in every run", "worker_init_fn"]
# sphinx_gallery_parallel = False

import functools
import os
import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class FirstDraw(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.random.random()


def seed_by_sum(worker_id, seed, rank):
    np.random.seed(seed + rank + worker_id)


def load(worker_init_fn):
    return DataLoader(
        FirstDraw(),
        batch_size=None,
        num_workers=2,
        worker_init_fn=worker_init_fn,
    )


broken = load(functools.partial(seed_by_sum, seed=42, rank=0))

if __name__ == "__main__":
    draws = {}
    for seed, rank in ((42, 0), (42, 1), (43, 0)):
        function = functools.partial(seed_by_sum, seed=seed, rank=rank)
        draws[seed, rank] = list(load(function))
        print(f"seed {seed}, rank {rank}:", np.round(draws[seed, rank], 4))
    assert draws[42, 0][1] == draws[42, 1][0]  # worker 1 there, worker 0 here
    assert draws[42, 1] == draws[43, 0]

# %%
# Why
# ---
# 42 + 0 + 1 is 42 + 1 + 0. With 8 ranks of 4 workers, the sums of one run take 11 values
# for 32 workers, and the next run has all of them but one. Adding the epoch makes more of
# them equal: epoch 1 of run 42 is epoch 0 of run 43.

if __name__ == "__main__":
    sums = {42 + rank + worker for rank in range(8) for worker in range(4)}
    following = {
        43 + rank + worker for rank in range(8) for worker in range(4)
    }
    print(
        len(sums),
        "seeds for 32 workers;",
        len(sums & following),
        "in the next run",
    )
    assert (len(sums), len(sums & following)) == (11, 10)

# %%
# The fix
# -------
# A :class:`numpy.random.SeedSequence` mixes its numbers, so that other numbers give other
# seeds. ``torch.initial_seed()`` brings the run and the epoch: torch draws it anew each
# time that workers start.


def seed_by_mixing(worker_id, rank):
    numbers = [torch.initial_seed(), rank, worker_id]
    words = np.random.SeedSequence(numbers).generate_state(6)
    np.random.seed(words[:4])
    random.seed(int(words[4]))
    torch.manual_seed(int(words[5]))


fixed = load(functools.partial(seed_by_mixing, rank=0))

if __name__ == "__main__":
    mixed = []
    for seed, rank in ((42, 0), (42, 1), (43, 0), (43, 1)):
        torch.manual_seed(seed)
        loader = load(functools.partial(seed_by_mixing, rank=rank))
        mixed += [*loader, *loader]  # two epochs
    print(len(set(mixed)), "distinct draws of", len(mixed))
    assert len(set(mixed)) == len(mixed) == 16

# %%
# Proof
# -----
# ``dejabatch.check_seeding`` seeds the workers of many ranks, epochs and runs by a scheme,
# and counts the streams that come more than once. Here are schemes in use, written from
# their description. The last column is the share that runs with
# the neighbouring seeds have, too.

import dejabatch

if __name__ == "__main__":
    print(f"{'share of streams that come again':42}ranks  epochs  runs")
    reports = {
        name: dejabatch.check_seeding(scheme, seeds=(42, 43, 44))
        for name, scheme in dejabatch.SCHEMES.items()
    }
    for name, report in reports.items():
        # The worst of Python's, NumPy's and torch's.
        worst = [
            max(shares[axis] for shares in report.shared.values())
            for axis in ("rank or worker", "epoch", "seed")
        ]
        print(f"{name:42}" + "".join(f"{share:>6.0%} " for share in worst))
    lightning = reports["Lightning 2.4 to 2.6.0"].shared
    assert lightning["torch"]["epoch"] == 1
    assert lightning["np.random"]["epoch"] == 0
    assert reports["seed + rank"].shared["np.random"]["seed"] > 0.9
    assert all(
        share == 0
        for axes in reports["seed_worker"].shared.values()
        for share in axes.values()
    )

# %%
# The same as a picture, for two of them. A cell is a stream; a dot marks one that came
# before.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for ax, name in zip(axes, ("seed + rank", "seed_worker"), strict=True):
        reports[name].plot(ax)
    plt.show()

# %%
# Find it in your code
# --------------------
# No single loader shows it, since it is one rank of one run. Give ``check_seeding`` your
# ``worker_init_fn``. It can read its rank from the environment variable ``RANK``, as under
# torchrun.


def seed_yours(worker_id):
    seed_by_sum(worker_id, seed=42, rank=int(os.environ["RANK"]))


if __name__ == "__main__":
    yours = dejabatch.check_seeding(seed_yours)
    ours = dejabatch.check_seeding(dejabatch.seed_worker)
    print(yours)
    print(ours)
    assert not yours.ok
    assert ours.ok

# %%
# See also
# --------
# * The epochs repeat each other on every rank:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * A ``worker_init_fn`` that mixes, and reaches every generator:
#   :func:`dejabatch.seed_worker`.
# * One order for all ranks, and draws for each:
#   :doc:`/gallery/explanations/plot_what_generator_drives`.
# * NumPy's advice on seeds of parallel programs: :class:`numpy.random.SeedSequence`.
