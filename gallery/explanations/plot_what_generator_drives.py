# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
The generator= argument of a DataLoader
=======================================

Which random numbers depend on generator=, and why validation changes the training order.

A loader without ``generator=`` draws from torch's global generator. A loader with
``generator=`` draws from the given generator.

.. code-block:: text

   generator= (or torch's global generator)
    │
    └── an epoch of the loader
          ├── the base seed ── workers: random, np.random, torch
          └── the order, if the loader made the sampler: shuffle=True

   not controlled: a sampler that you pass; transforms and collate_fn without workers;
                   generators that the dataset holds

The sections below measure each line of the picture.
"""

# sphinx_gallery_tags = ["seed", "shuffle", "same across ranks"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    get_worker_info,
)
from torch.utils.data.distributed import DistributedSampler


class Draws(Dataset):
    """Return draws from the global generators and from the dataset's own."""

    def __init__(self):
        self.rng = random.Random()  # dejabatch: ignore

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {
            "index": index,
            "torch": torch.rand(()).item(),
            "numpy": np.random.random(),
            "python": random.random(),
            "own": self.rng.random(),
        }


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def read(seed=0, **options):
    """Return the fields of one epoch's samples."""
    loader = DataLoader(
        Draws(),
        batch_size=None,
        collate_fn=dict,
        generator=seeded(seed),
        **options,
    )
    samples = list(loader)
    return {name: [s[name] for s in samples] for name in samples[0]}


def same_in_two_runs(**options):
    first, second = read(**options), read(**options)
    return [name for name in first if first[name] == second[name]]


# %%
# With workers, generator= controls order and augmentation
# --------------------------------------------------------
# Give the generators of two runs the same seed. With ``shuffle=True`` and workers, both runs
# have the same order and the same draws from ``random``, ``np.random`` and ``torch``. Draws
# from an unseeded generator on the dataset still differ. How to seed such a generator:
# :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.

if __name__ == "__main__":
    same = same_in_two_runs(shuffle=True, num_workers=2)
    print("the same in two runs:", *same)
    assert same == ["index", "torch", "numpy", "python"]

# %%
# Without workers, generator= controls only the order
# ---------------------------------------------------
# With ``num_workers=0``, transforms draw from the global generators of the main process.
# Only the order is the same in both runs. To repeat the draws as well, call
# ``torch.manual_seed``, ``np.random.seed`` and ``random.seed``.

if __name__ == "__main__":
    same = same_in_two_runs(shuffle=True)
    print("the same in two runs, without workers:", *same)
    assert same == ["index"]

    runs = []
    for _ in range(2):
        for seed in (torch.manual_seed, np.random.seed, random.seed):
            seed(0)
        runs.append(read(shuffle=True))
    for name in ("torch", "numpy", "python"):
        assert runs[0][name] == runs[1][name]

# %%
# ``collate_fn`` runs where samples are made: in the worker, or in the main process of a
# loader without workers.


def collate_with_noise(samples):
    where = "main process" if get_worker_info() is None else "worker"
    return where, torch.rand(()).item()


def collated(num_workers):
    options = {"num_workers": num_workers, "collate_fn": collate_with_noise}
    return next(iter(DataLoader(range(4), generator=seeded(0), **options)))


if __name__ == "__main__":
    for num_workers, expected in ((0, "main process"), (2, "worker")):
        where, first = collated(num_workers)
        _, second = collated(num_workers)
        print(f"collate_fn in the {where}: same draw: {first == second}")
        assert where == expected
        assert (first == second) == (num_workers > 0)

# %%
# A sampler that you pass has its own generator=
# ----------------------------------------------
# A ``RandomSampler`` draws from the sampler's own ``generator=``, or else from torch's global
# generator. The loader's ``generator=`` still sets the base seed of the workers. To repeat
# the order, give the sampler a seeded generator.

if __name__ == "__main__":
    sampler = RandomSampler(range(8))
    same = same_in_two_runs(sampler=sampler, num_workers=2)
    print("a sampler without a generator:", *same)
    assert same == ["torch", "numpy", "python"]

    orders = []
    for _ in range(2):
        generator = seeded(0)
        sampler = RandomSampler(range(8), generator=generator)
        orders.append(list(DataLoader(range(8), None, sampler=sampler)))
    assert orders[0] == orders[1]

# %%
# Each epoch draws from the generator
# -----------------------------------
# Each epoch draws a base seed, even without workers and without shuffling. Persistent
# workers are the exception: without shuffling, only their first epoch draws. See
# :doc:`/gallery/explanations/plot_persistent_workers`.

if __name__ == "__main__":
    for options, expected in (
        ({}, [True, True]),
        ({"num_workers": 1}, [True, True]),
        ({"num_workers": 1, "persistent_workers": True}, [True, False]),
    ):
        generator = seeded(0)
        loader = DataLoader(range(4), generator=generator, **options)
        has_drawn = []
        for _ in range(2):
            before = generator.get_state()
            list(loader)
            has_drawn.append(not torch.equal(before, generator.get_state()))
        del loader
        print(f"{options}: epochs that draw: {has_drawn}")
        assert has_drawn == expected

# %%
# A validation pass changes the training order
# --------------------------------------------
# Without ``generator=``, both loaders draw from torch's global generator. The validation
# loader draws a base seed after each epoch, even without shuffling. Training without and
# with validation has the same order in the first epoch, and different orders later. With a
# generator for each loader, all orders are the same. A shared generator does not help:
# :doc:`/gallery/2_randomness/plot_one_generator_for_two_loaders`.


def training_orders(validate, own_generators=False):
    torch.manual_seed(0)
    train_rng, validation_rng = (
        (seeded(1), seeded(2)) if own_generators else (None, None)
    )
    train = DataLoader(range(8), None, shuffle=True, generator=train_rng)
    validation = DataLoader(range(4), None, generator=validation_rng)
    orders = []
    for _ in range(3):
        orders.append([int(index) for index in train])
        if validate:
            list(validation)
    return orders


if __name__ == "__main__":
    orders = {
        "training alone": training_orders(validate=False),
        "with validation": training_orders(validate=True),
        "alone, own generator": training_orders(False, own_generators=True),
        "with validation, own generators": training_orders(
            True, own_generators=True
        ),
    }
    alone, validated, own_alone, own_validated = orders.values()
    for epoch in range(3):
        same = alone[epoch] == validated[epoch]
        own_same = own_alone[epoch] == own_validated[epoch]
        print(
            f"epoch {epoch}: same order {same}, "
            f"with a generator for each loader {own_same}"
        )
        assert same == (epoch == 0)
        assert own_same

    figure, axes = plt.subplots(2, 2, figsize=(5.6, 3.6), layout="constrained")
    for ax, (title, rows) in zip(axes.T.flat, orders.items(), strict=True):
        ax.imshow(rows, cmap="Pastel2", aspect="auto")
        for epoch, row in enumerate(rows):
            for position, index in enumerate(row):
                ax.text(
                    position, epoch, index, ha="center", va="center", c="k"
                )
        ax.set(title=title, yticks=range(3), xticks=[])
        ax.set(yticklabels=[f"epoch {epoch}" for epoch in range(3)])
        ax.title.set_fontsize(10)
    plt.show()

# %%
# Several GPUs: one order, different augmentations
# ------------------------------------------------
# Ranks that split an epoch need the same order and different augmentations. A single
# generator cannot give both. With the same seed on all ranks, the draws are the same as well. With a
# different seed on each rank, the orders differ as well. Here, one process imitates the
# ranks, one after the other.

if __name__ == "__main__":
    options = {"shuffle": True, "num_workers": 2}
    rank_0, rank_1 = read(seed=0, **options), read(seed=0, **options)
    print("same seed: same draws:", rank_0["torch"] == rank_1["torch"])
    assert rank_0["index"] == rank_1["index"]
    assert rank_0["torch"] == rank_1["torch"]

    rank_0, rank_1 = (read(seed=seed, **options) for seed in (0, 1))
    print("different seeds: same order:", rank_0["index"] == rank_1["index"])
    assert rank_0["index"] != rank_1["index"]
    assert not set(rank_0["torch"]) & set(rank_1["torch"])

# %%
# Use two generators. A ``DistributedSampler`` makes the order from its own seed, which is
# the same on all ranks, and from ``set_epoch``. Give the loader's generator a different seed
# on each rank. ``SeedSequence`` mixes seed and rank. Do not use ``seed + rank``: rank 1 of
# seed 0 and rank 0 of seed 1 have the same sum
# (:doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`).


def read_rank(rank, seed=0):
    mixed = np.random.SeedSequence([seed, rank]).generate_state(1, np.uint64)
    sampler = DistributedSampler(
        range(8), num_replicas=2, rank=rank, seed=seed
    )
    sampler.set_epoch(0)
    return read(seed=int(mixed[0] >> 1), sampler=sampler, num_workers=2)


if __name__ == "__main__":
    rank_0, rank_1 = (read_rank(rank) for rank in range(2))
    print("rank 0 reads", rank_0["index"], "and rank 1", rank_1["index"])
    assert sorted(rank_0["index"] + rank_1["index"]) == list(range(8))
    assert not set(rank_0["torch"]) & set(rank_1["torch"])
    assert read_rank(0)["torch"] == rank_0["torch"]

# %%
# See also
# --------
# * From the seed to a worker's draw:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
# * A new ``torch.Generator()`` has a constant seed:
#   :doc:`/gallery/2_randomness/plot_default_torch_generator`.
# * Augmentations that do not depend on the order or the rank:
#   :class:`dejabatch.PerSample`.
# * PyTorch on `reproducibility
#   <https://docs.pytorch.org/docs/stable/notes/randomness.html#dataloader>`__.
