# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
How a PyTorch DataLoader seeds its workers
==========================================

From ``torch.manual_seed`` to the number that a worker draws, one measured step at a time.

Each epoch of a :class:`~torch.utils.data.DataLoader` draws a base seed from a generator in
the main process. The base seed gives every worker its seed. With ``shuffle=True``, the
loader draws a second number for the order. Samplers and generators that you make yourself
are separate: the loader does not seed them.

.. code-block:: text

   torch.manual_seed(s)
    │
    └─1─ each epoch draws from torch's global generator
          │
          ├─2─ a seed for the order ─── torch.randperm
          │
          └─3─ base_seed
                ├─4─ worker 0: base_seed + 0 ─5─ random, np.random, torch
                └─4─ worker 1: base_seed + 1 ─5─ random, np.random, torch

   a generator on the dataset: copied into each worker, and not seeded

Each number in the picture is a section below.
"""

# sphinx_gallery_tags = ["seed", "shuffle"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info


class Draws(Dataset):
    """Report a worker's seed, and draw from the global generators."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        info = get_worker_info()
        return {
            "index": index,
            "worker": -1 if info is None else info.id,
            "seed": -1 if info is None else info.seed,
            "initial_seed": torch.initial_seed(),
            "torch": torch.rand(()).item(),
            "numpy": np.random.random(),
            "python": random.random(),
        }


def run(*, seed=0, epochs=1, **options):
    """Return the samples of each epoch, in the loader's order."""
    if seed is not None:
        torch.manual_seed(seed)
    loader = DataLoader(Draws(), batch_size=None, collate_fn=dict, **options)
    return [list(loader) for _ in range(epochs)]


# %%
# 1. Each epoch draws from torch's global generator
# -------------------------------------------------
# ``torch.manual_seed`` seeds torch's global generator. Each new iterator of a loader draws
# from that generator, with and without workers, with and without shuffling.

if __name__ == "__main__":
    for options in ({}, {"shuffle": True}, {"num_workers": 2}):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        iter(DataLoader(range(8), **options))
        has_drawn = not torch.equal(before, torch.get_rng_state())
        print(f"iter(DataLoader(..., {options})) has drawn: {has_drawn}")
        assert has_drawn

# %%
# 2. The order comes from the second number
# -----------------------------------------
# ``RandomSampler`` draws a seed from the global generator, and shuffles with a new generator
# that has this seed. The base seed is drawn before. Without workers, the order is drawn
# when you request the first batch.


def draw_int64(generator=None):
    return (
        torch.empty((), dtype=torch.int64).random_(generator=generator).item()
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    base_seed, order_seed = draw_int64(), draw_int64()
    shuffler = torch.Generator().manual_seed(order_seed)
    predicted = torch.randperm(8, generator=shuffler).tolist()

    (samples,) = run(seed=0, shuffle=True)
    order = [sample["index"] for sample in samples]
    print("predicted:", predicted)
    print("measured: ", order)
    assert order == predicted

    states = []
    torch.manual_seed(0)
    for _ in range(2):
        draw_int64()
        states.append(torch.get_rng_state())
    torch.manual_seed(0)
    iterator = iter(DataLoader(range(8), shuffle=True))
    assert torch.equal(torch.get_rng_state(), states[0])  # the base seed
    next(iterator)
    assert torch.equal(torch.get_rng_state(), states[1])  # and the order

# %%
# 3. The base seed is the first number
# ------------------------------------
# The first number of an epoch is the base seed. The second epoch draws another base seed.
# Persistent workers keep their seed: :doc:`/gallery/explanations/plot_persistent_workers`.

if __name__ == "__main__":
    epochs = run(seed=0, epochs=2, num_workers=2)
    measured = [
        samples[0]["seed"] - samples[0]["worker"] for samples in epochs
    ]
    print("predicted:", base_seed)
    print("measured: ", *measured)
    assert measured[0] == base_seed
    assert measured[1] != base_seed

# %%
# 4. Worker w has the seed base_seed + w
# --------------------------------------
# Worker *w* seeds Python's ``random`` and torch with ``base_seed + w``. NumPy gets a seed,
# too, which differs between workers. For workers before torch 1.9, see
# :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.

if __name__ == "__main__":
    first_epoch = epochs[0]
    for sample in first_epoch[:2]:
        assert sample["seed"] == base_seed + sample["worker"]
        assert sample["initial_seed"] == sample["seed"]
        generator = torch.Generator().manual_seed(sample["seed"])
        assert sample["torch"] == torch.rand((), generator=generator).item()
        assert sample["python"] == random.Random(sample["seed"]).random()
        print(f"worker {sample['worker']}: seed {sample['seed']}")
    assert len({sample["numpy"] for sample in first_epoch}) == 8

# %%
# 5. Transforms draw from the seeded generators
# ---------------------------------------------
# A transform that draws from ``random``, ``np.random`` or ``torch`` gets different numbers
# for all samples, workers and epochs. A second run with the same seed repeats the numbers,
# and a run with another seed does not. To repeat, keep the number of workers and
# ``in_order=True``: :doc:`/gallery/2_randomness/plot_workers_change_the_augmentation`.

if __name__ == "__main__":
    run_again = run(seed=0, epochs=2, num_workers=2)
    other_seed = run(seed=1, epochs=2, num_workers=2)
    for name in ("torch", "numpy", "python"):
        drawn, again, other = (
            [sample[name] for samples in of_run for sample in samples]
            for of_run in (epochs, run_again, other_seed)
        )
        print(f"{name}: {len(set(drawn))} of {len(drawn)} draws are distinct")
        assert len(set(drawn)) == 16
        assert again == drawn
        assert not set(other) & set(drawn)

# %%
# For a generator that is stored on the dataset, see
# :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.

# %%
# num_workers=0 seeds nothing
# ---------------------------
# Without workers, samples draw from the global generators of the main process. The same
# seed gives different draws with and without workers. ``torch.manual_seed`` does not seed
# NumPy and Python: call ``np.random.seed`` and ``random.seed`` as well.

if __name__ == "__main__":
    (alone,), (alone_again,) = run(seed=0), run(seed=0)
    for name, repeats in (
        ("torch", True),
        ("numpy", False),
        ("python", False),
    ):
        same = alone[0][name] == alone_again[0][name]
        print(f"{name}: same in two runs with torch.manual_seed(0): {same}")
        assert same == repeats
    assert alone[0]["torch"] != first_epoch[0]["torch"]

# %%
# generator= replaces torch's global generator
# --------------------------------------------
# With ``generator=``, the loader draws the base seed from the given generator and shuffles
# with the same generator. The loader leaves torch's global generator alone. Without workers,
# transforms still draw from the global generators.

if __name__ == "__main__":
    options = {"num_workers": 2, "shuffle": True}
    torch.manual_seed(0)
    before = torch.get_rng_state()
    runs = [
        run(seed=None, generator=torch.Generator().manual_seed(5), **options)
        for _ in range(2)
    ]
    untouched = torch.equal(before, torch.get_rng_state())
    print("two runs are the same:", runs[0] == runs[1])
    print("the global generator is untouched:", untouched)
    assert runs[0] == runs[1]
    assert untouched

    given = torch.Generator().manual_seed(5)
    first, order = draw_int64(given), torch.randperm(8, generator=given)
    assert runs[0][0][0]["seed"] == first
    assert [sample["index"] for sample in runs[0][0]] == order.tolist()

    first_draws = set()
    for _ in range(2):
        generator = torch.Generator().manual_seed(5)
        (samples,) = run(seed=None, generator=generator)  # without workers
        first_draws.add(samples[0]["torch"])
    assert len(first_draws) == 2

# %%
# Persistent workers are seeded once
# ----------------------------------
# Persistent workers get a seed in the first epoch and keep the seed. Their generators
# continue, so the second epoch draws new numbers.

if __name__ == "__main__":
    options = {"num_workers": 2, "epochs": 2}
    fresh = run(seed=0, **options)
    persistent = run(seed=0, persistent_workers=True, **options)
    seeds = [sorted({s["seed"] for s in samples}) for samples in persistent]
    print("seeds of the two epochs are the same:", seeds[0] == seeds[1])
    assert seeds[0] == seeds[1]
    assert persistent[0] == fresh[0]
    draws = [[s["torch"] for s in samples] for samples in persistent]
    assert not set(draws[0]) & set(draws[1])

# %%
# The picture shows the measured seeds. Time runs from left to right.


def draw_timeline(ax, title, samples_by_epoch):
    for epoch, samples in enumerate(samples_by_epoch):
        for worker in range(2):
            seed = next(s["seed"] for s in samples if s["worker"] == worker)
            kept = epoch and seed in {s["seed"] for s in samples_by_epoch[0]}
            colour = "#ffffff" if kept else "#d9efdc"
            box = {"fc": colour, "ec": "#555555"}
            ax.add_patch(plt.Rectangle((epoch, 1 - worker), 0.94, 0.8, **box))
            text = "continues" if kept else f"seeded with\n…{seed % 10**6:06}"
            ax.text(
                epoch + 0.47,
                1.4 - worker,
                text,
                ha="center",
                va="center",
                color="black",
            )
    ax.set(title=title, xlim=(-0.06, 2), ylim=(-0.1, 2))
    ax.set(xticks=[0.47, 1.47], xticklabels=["epoch 0", "epoch 1"])
    ax.set(yticks=[1.4, 0.4], yticklabels=["worker 0", "worker 1"])


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
    draw_timeline(axes[0], "new workers for each epoch", fresh)
    draw_timeline(axes[1], "persistent workers", persistent)
    plt.show()

# %%
# The same seed on all GPUs gives the same augmentations
# ------------------------------------------------------
# Each rank has its own main process. If all ranks call ``torch.manual_seed`` with the same
# seed, worker *w* draws the same numbers on every rank. With ``seed + rank``, the ranks
# differ, but rank 1 of seed 0 repeats rank 0 of seed 1:
# :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`. Here, one process imitates the
# ranks by seeding as each rank would.


def draws_of_rank(seed):
    (samples,) = run(seed=seed, num_workers=2)
    return [sample["torch"] for sample in samples]


if __name__ == "__main__":
    rank_0, rank_1 = (draws_of_rank(0) for rank in range(2))
    print("same seed on both ranks, same draws:", rank_0 == rank_1)
    assert rank_0 == rank_1

    by_rank = {
        (s, r): draws_of_rank(s + r) for s in range(2) for r in range(2)
    }
    print("seed + rank, same draws:", by_rank[0, 0] == by_rank[0, 1])
    assert by_rank[0, 0] != by_rank[0, 1]
    assert by_rank[0, 1] == by_rank[1, 0]

# %%
# See also
# --------
# * Failures and fixes: :doc:`the gallery </gallery/index>`.
# * Different random numbers for each rank, worker and epoch: :func:`dejabatch.seed_worker`
#   and :class:`dejabatch.PerSample`.
# * Each step in detail: :doc:`/gallery/explanations/plot_what_generator_drives` and
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * PyTorch on `randomness in multi-process data loading
#   <https://docs.pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading>`__.
