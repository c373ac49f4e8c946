# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
What a DataLoader's generator= drives
=====================================

Which random numbers come from it, which do not, and why a validation pass changes the order.

A loader that is given no ``generator`` draws from torch's global one. With one, it draws
from that.

.. code-block:: text

   generator= (or torch's global generator)
    │
    └── a pass over the loader
          ├── the base seed ── workers: random, np.random, torch
          └── the order, if the loader made the sampler: shuffle=True

   not driven: a sampler that you pass; transforms and collate_fn without workers;
               generators that the dataset holds

What follows measures each line of it.
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
    """What samples draw from the global generators and from one of their own."""

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
    """Return what one epoch gives, by name."""
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
    one, again = read(**options), read(**options)
    return [name for name in one if one[name] == again[name]]


# %%
# The order and the workers' seeds
# --------------------------------
# With ``shuffle=True`` and workers, two runs whose generators have one seed are the same:
# order and augmentation. What a generator of the dataset's own draws is not
# (:doc:`/gallery/2_randomness/plot_rng_object_on_dataset`).

if __name__ == "__main__":
    same = same_in_two_runs(shuffle=True, num_workers=2)
    print("the same in two runs:", *same)
    assert same == ["index", "torch", "numpy", "python"]

# %%
# Without workers
# ---------------
# There is nobody to give the base seed to. Transforms draw from the main process's global
# generators, and only the order is the same in both runs. ``collate_fn`` runs in the main
# process too, then. Call ``torch.manual_seed``, ``np.random.seed`` and ``random.seed`` for
# these.

if __name__ == "__main__":
    same = same_in_two_runs(shuffle=True)
    print("the same in two runs, without workers:", *same)
    assert same == ["index"]


def collate_with_noise(samples):
    where = "main process" if get_worker_info() is None else "worker"
    return where, torch.rand(()).item()


def collated(num_workers):
    options = {"num_workers": num_workers, "collate_fn": collate_with_noise}
    return next(iter(DataLoader(range(4), generator=seeded(0), **options)))


if __name__ == "__main__":
    for num_workers, expected in ((0, "main process"), (2, "worker")):
        (where, one), (_, again) = collated(num_workers), collated(num_workers)
        print(f"collate_fn in the {where}: same draw: {one == again}")
        assert where == expected
        assert (one == again) == (num_workers > 0)

# %%
# A sampler that you pass
# -----------------------
# It draws from its own ``generator=``, or from torch's global one. The loader's is used for
# the base seed alone. Give it to both.

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
# It moves whenever a pass begins
# -------------------------------
# The base seed is drawn by ``iter(loader)``, even if nobody needs it: without workers, and
# without shuffling. Persistent workers are the exception. They are seeded once, and only
# their first pass draws it (:doc:`/gallery/explanations/plot_persistent_workers`).

if __name__ == "__main__":
    for options, moves in (
        ({}, [True, True]),
        ({"num_workers": 1}, [True, True]),
        ({"num_workers": 1, "persistent_workers": True}, [True, False]),
    ):
        generator = seeded(0)
        loader = DataLoader(range(4), generator=generator, **options)
        moved = []
        for _ in range(2):
            before = generator.get_state()
            list(loader)
            moved.append(not torch.equal(before, generator.get_state()))
        del loader
        print(f"{options}: moved in each epoch: {moved}")
        assert moved == moves

# %%
# A validation pass changes the training order
# --------------------------------------------
# Both loaders draw from torch's global generator. The validation loader does not shuffle,
# and still it takes a number after each epoch, so that training goes on with others. The
# first order is the same, the next ones are not. With a generator for each loader, it does
# not matter who else draws. One generator for both would not help:
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
        same, own_same = (
            one[epoch] == other[epoch]
            for one, other in ((alone, validated), (own_alone, own_validated))
        )
        print(f"epoch {epoch}: same {same}, with own generators {own_same}")
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
# Ranks: the same order, but other augmentations
# ----------------------------------------------
# Ranks that share out one epoch need one order, of which each takes its part, and draws of
# their own. One generator cannot give both, since both the order and the base seed come
# from it. With one seed on all ranks, they have the same draws as well. With a seed for each,
# they have orders that do not fit together. (The ranks are imitated here, one after the
# other.)

if __name__ == "__main__":
    options = {"shuffle": True, "num_workers": 2}
    one, other = read(seed=0, **options), read(seed=0, **options)
    print("one seed: same draws:", one["torch"] == other["torch"])
    assert one["index"] == other["index"]
    assert one["torch"] == other["torch"]

    one, other = (read(seed=seed, **options) for seed in (0, 1))
    print("a seed for each: same order:", one["index"] == other["index"])
    assert one["index"] != other["index"]
    assert not set(one["torch"]) & set(other["torch"])

# %%
# Let two generators do it. A ``DistributedSampler`` takes the order from a seed of its own
# and from ``set_epoch``, equal on all ranks, and leaves the loader's generator alone. That
# one gets a seed for each rank. ``SeedSequence`` mixes seed and rank, where ``seed + rank``
# is the next run's ``seed``: :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.


def read_rank(rank, seed=0):
    mixed = np.random.SeedSequence([seed, rank]).generate_state(1, np.uint64)
    sampler = DistributedSampler(
        range(8), num_replicas=2, rank=rank, seed=seed
    )
    sampler.set_epoch(0)
    return read(seed=int(mixed[0] >> 1), sampler=sampler, num_workers=2)


if __name__ == "__main__":
    one, other = (read_rank(rank) for rank in range(2))
    print("rank 0 reads", one["index"], "and rank 1", other["index"])
    assert sorted(one["index"] + other["index"]) == list(range(8))
    assert not set(one["torch"]) & set(other["torch"])
    assert read_rank(0)["torch"] == one["torch"]

# %%
# See also
# --------
# * From the seed to a worker's draw:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
# * A generator that nobody has seeded:
#   :doc:`/gallery/2_randomness/plot_default_torch_generator`.
# * Augmentations that depend on neither order nor rank: :class:`dejabatch.PerSample`.
# * PyTorch on `reproducibility
#   <https://docs.pytorch.org/docs/stable/notes/randomness.html#dataloader>`__.
