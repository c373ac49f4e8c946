# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Where a DataLoader's randomness comes from
==========================================

From ``torch.manual_seed`` to the number that a worker draws, one measured step at a time.

A pass over a :class:`~torch.utils.data.DataLoader` draws a number from a generator in the
main process when it begins, of which the seeds of all workers are made. If it shuffles, it
draws another one for the order. With workers, everything random in a pass comes from these
two, unless it comes from a sampler or a generator that you seed yourself, or that nobody
seeds.

.. code-block:: text

   torch.manual_seed(s)
    │
    └─1─ a pass draws from its generator
          │
          ├─2─ a seed for the order ─── torch.randperm
          │
          └─3─ base_seed
                ├─4─ worker 0: base_seed + 0 ─5─ random, np.random, torch
                └─4─ worker 1: base_seed + 1 ─5─ random, np.random, torch

   a generator on the dataset: copied into each worker, and seeded by nobody

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
    """What a worker is seeded with, and what it draws."""

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
    """Return the samples of each epoch, in the order in which they come."""
    if seed is not None:
        torch.manual_seed(seed)
    loader = DataLoader(Draws(), batch_size=None, collate_fn=dict, **options)
    return [list(loader) for _ in range(epochs)]


# %%
# 1. A pass draws from the main process's generator
# -------------------------------------------------
# ``torch.manual_seed`` sets torch's global generator. Whoever begins a pass moves it on,
# with workers or without, shuffled or not.

if __name__ == "__main__":
    for options in ({}, {"shuffle": True}, {"num_workers": 2}):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        iter(DataLoader(range(8), **options))
        moved = not torch.equal(before, torch.get_rng_state())
        print(f"DataLoader({options}): the generator has moved: {moved}")
        assert moved

# %%
# 2. The order
# ------------
# ``RandomSampler`` draws a seed from the global generator, and shuffles with a generator of
# its own that it seeds with that number. It does so in each pass, after the base seed has
# been drawn: with workers at once, and without them when the first batch is asked for.


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
    assert torch.equal(torch.get_rng_state(), states[0])  # one number
    next(iterator)
    assert torch.equal(torch.get_rng_state(), states[1])  # the second

# %%
# 3. The base seed
# ----------------
# The first number is the base seed. Every pass draws another one, unless its
# workers live on: :doc:`/gallery/explanations/plot_persistent_workers`.

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
# 4. The workers' seeds
# ---------------------
# Worker *w* has the seed ``base_seed + w``. It seeds Python's ``random`` and torch with
# it, and NumPy with numbers that it mixes from both. Before torch 1.9 it left NumPy as it
# was: :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.

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
# 5. What a transform draws
# -------------------------
# Transforms that draw from one of the three global generators differ between samples,
# workers and epochs, and repeat when the seed does: in the next run, and on another rank
# that has the same seed. That needs ``in_order=True``, the default: otherwise a worker that
# is quick makes samples that were another's in the run before
# (:doc:`/gallery/2_randomness/plot_workers_change_the_augmentation`).

if __name__ == "__main__":
    run_again = run(seed=0, epochs=2, num_workers=2)
    other_seed = run(seed=1, epochs=2, num_workers=2)
    for name in ("torch", "numpy", "python"):
        drawn, again, other = (
            [sample[name] for samples in one for sample in samples]
            for one in (epochs, run_again, other_seed)
        )
        print(f"{name:7}{len(set(drawn))} of {len(drawn)} draws differ")
        assert len(set(drawn)) == 16
        assert again == drawn
        assert not set(other) & set(drawn)

# %%
# What a generator that is stored on the dataset draws is a page of its own:
# :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.

# %%
# Without workers
# ---------------
# Nothing is seeded. Samples draw from the main process's generators, where they stand. So
# the same seed gives other draws than with workers, and NumPy and Python have to be seeded
# by you: ``torch.manual_seed`` does not reach them.

if __name__ == "__main__":
    (alone,), (alone_again,) = run(seed=0), run(seed=0)
    for name, repeats in (
        ("torch", True),
        ("numpy", False),
        ("python", False),
    ):
        same = alone[0][name] == alone_again[0][name]
        print(
            f"{name}: the same in two runs with torch.manual_seed(0): {same}"
        )
        assert same == repeats
    assert alone[0]["torch"] != first_epoch[0]["torch"]

# %%
# What ``generator=`` drives
# --------------------------
# Both: the loader draws the base seed from the generator that it is given, and shuffles with
# it, without a seed in between. It leaves the global one alone, and does not reach
# transforms without workers.

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

    one, other = (
        run(seed=None, generator=torch.Generator().manual_seed(5))[0][0][
            "torch"
        ]
        for _ in range(2)
    )
    assert (
        one != other
    )  # no workers: the transform draws from the global generator

# %%
# What persistent workers change
# ------------------------------
# They are seeded once, in the first pass. After that their generators go on.

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
# The same as a picture, with the seeds that were measured. Time goes from left to right.


def draw_timeline(ax, title, samples_by_epoch):
    for epoch, samples in enumerate(samples_by_epoch):
        for worker in range(2):
            seed = next(s["seed"] for s in samples if s["worker"] == worker)
            known = epoch and seed in {s["seed"] for s in samples_by_epoch[0]}
            colour = "#d9efdc" if not known else "#ffffff"
            box = {"fc": colour, "ec": "#555555"}
            ax.add_patch(plt.Rectangle((epoch, 1 - worker), 0.94, 0.8, **box))
            text = "goes on" if known else f"seeded with\n…{seed % 10**6:06}"
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
    draw_timeline(axes[0], "new workers for each pass", fresh)
    draw_timeline(axes[1], "persistent workers", persistent)
    plt.show()

# %%
# What ranks share
# ----------------
# Each rank has a main process. If all of them call ``torch.manual_seed`` with one number,
# all have the same base seed, and worker *w* of each draws the same. With ``seed + rank``
# they differ, and rank 1 of seed 0 is rank 0 of seed 1:
# :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`. (A rank's main process is
# imitated here by seeding this one as the rank would.)


def draws_of_rank(seed):
    (samples,) = run(seed=seed, num_workers=2)
    return [sample["torch"] for sample in samples]


if __name__ == "__main__":
    one_seed = [draws_of_rank(0) for rank in range(2)]
    print("one seed on both ranks, same draws:", one_seed[0] == one_seed[1])
    assert one_seed[0] == one_seed[1]

    by_rank = {
        (s, r): draws_of_rank(s + r) for s in range(2) for r in range(2)
    }
    print("seed + rank, same draws:", by_rank[0, 0] == by_rank[0, 1])
    assert by_rank[0, 0] != by_rank[0, 1]
    assert by_rank[0, 1] == by_rank[1, 0]

# %%
# See also
# --------
# * Which of it fails, and what you see then: the other sections of
#   :doc:`the gallery </gallery/index>`.
# * Seeds that share nothing along any of these lines: :func:`dejabatch.seed_worker` and
#   :class:`dejabatch.PerSample`.
# * More on two of these: :doc:`/gallery/explanations/plot_what_generator_drives` and
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * PyTorch on `randomness in multi-process data loading
#   <https://docs.pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading>`__.
