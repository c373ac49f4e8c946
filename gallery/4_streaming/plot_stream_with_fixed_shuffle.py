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
A shuffled stream has the same order in every epoch
===================================================

A generator that is made anew from the same seed shuffles in the same way again.

* **You see:** An IterableDataset shuffles, and every epoch gives the same samples in
  the same order.
* **Because:** ``__iter__`` makes its generator anew from the same seed, so that each
  epoch shuffles alike.
* **Do:** Seed the generator from the run's seed and the epoch.
"""

# %%
# See it happen
# -------------
# Two streams, each of which shuffles the part of its worker. One has a constant as its
# seed. The other takes the seed that torch gives each worker.

# sphinx_gallery_tags = ["same in every epoch", "IterableDataset", "shuffle", "seed"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

LENGTH = 16
OPTIONS = {  # num_workers and persistent_workers
    "no workers": (0, False),
    "new workers for each epoch": (2, False),
    "persistent workers": (2, True),
}


def own_part(samples):
    info = get_worker_info()
    first, step = (0, 1) if info is None else (info.id, info.num_workers)
    return samples[first::step]


class ConstantSeed(IterableDataset):
    def __iter__(self):
        samples = own_part(list(range(LENGTH)))
        random.Random(0).shuffle(samples)
        return iter(samples)


class WorkersSeed(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        samples = own_part(list(range(LENGTH)))
        random.Random(0 if info is None else info.seed).shuffle(samples)
        return iter(samples)


def load(dataset, num_workers=2, persistent_workers=True):
    return DataLoader(
        dataset,
        batch_size=None,
        num_workers=num_workers,
        persistent_workers=persistent_workers,
    )


broken = load(WorkersSeed())


def epochs_of(loader, epochs=2):
    read = []
    for epoch in range(epochs):
        if hasattr(loader.dataset, "set_epoch"):
            loader.dataset.set_epoch(epoch)
        read.append(list(loader))
        assert sorted(read[-1]) == list(range(LENGTH))
    return read


def epochs_differ(make_dataset):
    answers = []
    for name, options in OPTIONS.items():
        first, second = epochs_of(load(make_dataset(), *options))
        answers.append(first != second)
        order = "another" if answers[-1] else "the same"
        print(f"{make_dataset.__name__}, {name}: {order} order")
    return answers


if __name__ == "__main__":
    assert epochs_differ(ConstantSeed) == [False, False, False]
    assert epochs_differ(WorkersSeed) == [False, True, False]

# %%
# Why
# ---
# Each epoch calls ``__iter__``, which makes a new generator. From the same seed it gives
# the same numbers. ``get_worker_info().seed`` is a number that is drawn when workers
# start, plus the number of the worker: another one in each epoch, until somebody sets
# ``persistent_workers=True``.


class Seeds(IterableDataset):
    def __iter__(self):
        yield get_worker_info().seed


if __name__ == "__main__":
    new = load(Seeds(), persistent_workers=False)
    living_on = load(Seeds(), persistent_workers=True)
    first, second = list(new), list(new)
    print("new workers:       ", first, second)
    assert first != second
    assert first[1] == first[0] + 1
    first, second = list(living_on), list(living_on)
    print("persistent workers:", first, second)
    assert first == second
    del living_on  # ends its workers

# %%
# The fix
# -------
# Seed from the seed of the run and the epoch. The epoch is set before each pass, and lies
# in shared memory, where persistent workers see it. All workers have the same order, and
# each takes its part of it.


class Shuffled(IterableDataset):
    def __init__(self, seed=42):
        self.seed = seed
        self.epoch = torch.tensor(0).share_memory_()

    def set_epoch(self, epoch):
        self.epoch.fill_(epoch)

    def __iter__(self):
        rng = np.random.default_rng([self.seed, int(self.epoch)])
        return iter(own_part(rng.permutation(LENGTH)).tolist())


fixed = load(Shuffled())

if __name__ == "__main__":
    assert epochs_differ(Shuffled) == [True, True, True]

# %%
# A dataset that counts its epochs itself would need no ``set_epoch``. But new workers get
# the count of the main process, which has counted nothing, and all begin with 0.


class Counting(IterableDataset):
    epoch = -1

    def __iter__(self):
        self.epoch += 1
        rng = np.random.default_rng([42, self.epoch])
        return iter(own_part(rng.permutation(LENGTH)).tolist())


if __name__ == "__main__":
    assert epochs_differ(Counting) == [True, False, True]

# %%
# ``dejabatch.shard(samples, shuffle_buffer=100)`` draws from torch's generator of the
# worker instead. That goes on in persistent workers, and is seeded anew in new ones.

import dejabatch


def sharded():
    return dejabatch.shard(range(LENGTH), shuffle_buffer=100)


if __name__ == "__main__":
    assert epochs_differ(sharded) == [True, True, True]

# %%
# Proof
# -----
# The samples of three epochs, from left to right, with persistent workers.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(6, 3.2), layout="constrained")
    for ax, name, dataset in (
        (axes[0], "broken", WorkersSeed()),
        (axes[1], "fixed", Shuffled()),
    ):
        epochs = epochs_of(load(dataset), epochs=3)
        ax.imshow(epochs, cmap="Blues", vmax=2 * LENGTH, aspect="auto")
        for epoch, samples in enumerate(epochs):
            for place, sample in enumerate(samples):
                ax.text(
                    place, epoch, sample, ha="center", va="center", color="k"
                )
        ax.set(title=name, xticks=[], yticks=range(3), ylabel="epoch")
    plt.show()

# %%
# Find it in your code
# --------------------
# Read two epochs as your training does, and compare.


def epochs_repeat(loader):
    first, second = epochs_of(loader)
    return first == second


if __name__ == "__main__":
    of_broken = epochs_repeat(load(WorkersSeed()))
    of_fixed = epochs_repeat(load(Shuffled()))
    print(f"broken: {of_broken}, fixed: {of_fixed}")
    assert of_broken
    assert not of_fixed

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it. That the order is another one with new workers gives the failure away.
#
# A constant seed may be what you want, for validation. So ``audit`` asks.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("stream-with-fixed-shuffle", "dataset.__iter__")
    ]
    assert dejabatch.audit(fixed).ok

    constant = load(ConstantSeed())
    report = dejabatch.audit(constant)
    print(report.skipped["stream-with-fixed-shuffle"])
    assert report.ok
    expect = dejabatch.Expect(fixed_order=False)
    report = dejabatch.audit(constant, expect=expect)
    print(report.findings[0].title)
    assert report.findings[0].slug == "stream-with-fixed-shuffle"

# %%
# See also
# --------
# * A map-style dataset whose order is fixed:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * The order differs, and the samples of a batch are neighbours:
#   :doc:`/gallery/4_streaming/plot_one_shard_per_batch`.
# * The epoch is set, and does not arrive:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * :class:`torch.utils.data.IterableDataset`.
