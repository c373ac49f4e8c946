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
Ranks or runs with different seeds share augmentations
======================================================

Sums of seed, rank and worker collide, and equal sums draw the same numbers.

* **You see:** Two ranks share some augmentations, or runs with the seeds 42 and 43
  share most of them.
* **Because:** Sums such as ``seed + rank + worker_id`` collide: seed 42 on rank 1
  equals seed 43 on rank 0.
* **Do:** Mix the numbers instead of adding them:
  ``np.random.SeedSequence([torch.initial_seed(), rank, worker_id])``.
"""

# %%
# See it happen
# -------------
# This ``worker_init_fn`` adds the run's seed, the rank and the worker's number. The
# rank is an argument, so that the cell runs without a cluster.

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


def make_loader(worker_init_fn):
    return DataLoader(
        FirstDraw(),
        batch_size=None,
        num_workers=2,
        worker_init_fn=worker_init_fn,
    )


broken = make_loader(functools.partial(seed_by_sum, seed=42, rank=0))

if __name__ == "__main__":
    draws = {}
    for seed, rank in ((42, 0), (42, 1), (43, 0)):
        function = functools.partial(seed_by_sum, seed=seed, rank=rank)
        draws[seed, rank] = list(make_loader(function))
        print(f"seed {seed}, rank {rank}:", np.round(draws[seed, rank], 4))
    drawn = [draw for pair in draws.values() for draw in pair]
    print("broken:", len(set(drawn)), "distinct of", len(drawn), "draws")
    # Worker 1 of rank 0 draws the same number as worker 0 of rank 1.
    assert draws[42, 0][1] == draws[42, 1][0]
    assert draws[42, 1] == draws[43, 0]

# %%
# Why
# ---
# 42 + 0 + 1 equals 42 + 1 + 0. With 8 ranks of 4 workers, 32 workers share 11 seeds.
# The run with seed 43 repeats 10 of these 11 seeds.

if __name__ == "__main__":
    sums = {42 + rank + worker for rank in range(8) for worker in range(4)}
    next_run_sums = {
        43 + rank + worker for rank in range(8) for worker in range(4)
    }
    print(
        len(sums),
        "distinct seeds for 32 workers;",
        len(sums & next_run_sums),
        "of them in the run with seed 43",
    )
    assert (len(sums), len(sums & next_run_sums)) == (11, 10)

# %%
# The fix
# -------
# A :class:`numpy.random.SeedSequence` mixes its numbers, so different numbers give
# different seeds. ``torch.initial_seed()`` depends on the run and changes each time
# workers start.


def seed_by_mixing(worker_id, rank):
    numbers = [torch.initial_seed(), rank, worker_id]
    words = np.random.SeedSequence(numbers).generate_state(6)
    np.random.seed(words[:4])
    random.seed(int(words[4]))
    torch.manual_seed(int(words[5]))


fixed = make_loader(functools.partial(seed_by_mixing, rank=0))

if __name__ == "__main__":
    mixed = []
    for seed, rank in ((42, 0), (42, 1), (43, 0), (43, 1)):
        torch.manual_seed(seed)
        loader = make_loader(functools.partial(seed_by_mixing, rank=rank))
        mixed += [*loader, *loader]  # two epochs
    print("fixed:", len(set(mixed)), "distinct of", len(mixed), "draws")
    assert len(set(mixed)) == len(mixed) == 16

# %%
# Seeding schemes compared
# ------------------------
# ``dejabatch.check_seeding`` seeds the workers of many ranks, epochs and runs with a
# scheme and counts repeated streams. The table shows schemes that people use. The last
# column counts the streams that runs with neighbouring seeds share.

import dejabatch
from dejabatch.fixes.known_schemes import SCHEMES

if __name__ == "__main__":
    print(f"{'share of repeated streams':42}ranks  epochs  runs")
    reports = {
        name: dejabatch.check_seeding(scheme, seeds=(42, 43, 44))
        for name, scheme in SCHEMES.items()
    }
    for name, report in reports.items():
        # Take the worst of Python's, NumPy's and torch's generators.
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
# Proof
# -----
# Each dot marks a repeated stream. ``seed + rank`` repeats many, and ``seed_worker`` none.


def plot(reports):
    _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for ax, name in zip(axes, ("seed + rank", "seed_worker"), strict=True):
        reports[name].plot(ax)
    plt.show()


if __name__ == "__main__":
    plot(reports)

# %%
# Find it in your code
# --------------------
# A single loader cannot show this failure, because it is one rank of one run. Pass your
# ``worker_init_fn`` to ``check_seeding``, which sets the environment variable ``RANK``
# as torchrun does.


def seed_by_environment(worker_id):
    seed_by_sum(worker_id, seed=42, rank=int(os.environ["RANK"]))


if __name__ == "__main__":
    sum_report = dejabatch.check_seeding(seed_by_environment)
    mixed_report = dejabatch.check_seeding(dejabatch.seed_worker)
    print(sum_report)
    print(mixed_report)
    assert not sum_report.ok
    assert mixed_report.ok

# %%
# See also
# --------
# * The epochs repeat on every rank:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * A ``worker_init_fn`` that mixes and seeds every generator:
#   :func:`dejabatch.seed_worker`.
# * Ranks need one order and different augmentations:
#   :doc:`/gallery/explanations/plot_what_generator_drives`.
# * NumPy's advice on seeds of parallel programs: :class:`numpy.random.SeedSequence`.
