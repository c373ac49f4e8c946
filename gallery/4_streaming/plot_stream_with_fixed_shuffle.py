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
A shuffled IterableDataset has the same order in every epoch
============================================================

A generator that restarts from the same seed shuffles in the same way again.

* **You see:** The IterableDataset shuffles, but every epoch has the same samples in the
  same order.
* **Because:** ``__iter__`` creates its generator from the same seed in every epoch.
* **Do:** Seed the generator from the run's seed and the epoch.
"""

# %%
# See it happen
# -------------
# Two streams shuffle the samples of their worker. ``ConstantSeed`` seeds with a constant.
# ``WorkersSeed`` seeds with ``get_worker_info().seed``.

# sphinx_gallery_tags = ["same in every epoch", "IterableDataset", "shuffle", "seed"]
# sphinx_gallery_parallel = False

import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

LENGTH = 16
OPTIONS = {  # (num_workers, persistent_workers)
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
    differ = []
    for name, options in OPTIONS.items():
        first, second = epochs_of(load(make_dataset(), *options))
        differ.append(first != second)
        order = "different" if differ[-1] else "same"
        print(f"{make_dataset.__name__}, {name}: {order} order")
    return differ


if __name__ == "__main__":
    orders = epochs_of(broken, epochs=3)
    distinct = len(set(map(tuple, orders)))
    print("broken:", distinct, "distinct order in 3 epochs")
    assert distinct == 1
    assert epochs_differ(ConstantSeed) == [False, False, False]
    assert epochs_differ(WorkersSeed) == [False, True, False]

# %%
# Why
# ---
# Each epoch calls ``__iter__``, which creates a new generator from the same seed.
#
# ``get_worker_info().seed`` is a random number plus the worker's number. The loader draws
# the random number when it starts workers. New workers get a new seed in each epoch, but
# persistent workers keep their first seed.


class YieldsWorkerSeed(IterableDataset):
    def __iter__(self):
        yield get_worker_info().seed


if __name__ == "__main__":
    new = load(YieldsWorkerSeed(), persistent_workers=False)
    persistent = load(YieldsWorkerSeed(), persistent_workers=True)
    first, second = list(new), list(new)
    print("new workers:       ", first, second)
    assert first != second
    assert first[1] == first[0] + 1
    first, second = list(persistent), list(persistent)
    print("persistent workers:", first, second)
    assert first == second
    del persistent  # stops its workers

# %%
# Endless streams can repeat rounds.


class EndlessRounds(IterableDataset):
    def __iter__(self):
        while True:
            yield from ConstantSeed()


if __name__ == "__main__":
    stream = iter(load(EndlessRounds(), *OPTIONS["no workers"]))
    first, second = ([next(stream) for _ in range(LENGTH)] for _ in range(2))
    print(
        "endless stream:", "same" if first == second else "different", "rounds"
    )
    assert first == second

# %%
# The fix
# -------
# Seed the generator from the run's seed and the epoch. Your loop calls ``set_epoch`` before
# each epoch. The epoch lies in shared memory, so persistent workers see the new value. All
# workers shuffle all samples alike, and each takes its part.


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
    orders = epochs_of(fixed, epochs=3)
    distinct = len(set(map(tuple, orders)))
    print("fixed:", distinct, "distinct orders in 3 epochs")
    assert distinct == 3
    assert epochs_differ(Shuffled) == [True, True, True]

# %%
# A dataset that counts its epochs in ``__iter__`` fails with non-persistent workers. Only
# the workers count, and new workers start again from the count of the main process.


class CountsEpochs(IterableDataset):
    epoch = -1

    def __iter__(self):
        self.epoch += 1
        rng = np.random.default_rng([42, self.epoch])
        return iter(own_part(rng.permutation(LENGTH)).tolist())


if __name__ == "__main__":
    assert epochs_differ(CountsEpochs) == [True, False, True]

# %%
# ``dejabatch.shard(samples, shuffle_buffer=100)`` shuffles with the worker's torch
# generator. The generator continues in persistent workers, and torch reseeds it in new
# workers.

import dejabatch


def sharded():
    return dejabatch.shard(range(LENGTH), shuffle_buffer=100)


if __name__ == "__main__":
    assert epochs_differ(sharded) == [True, True, True]

# %%
# Proof
# -----
# A row is the order of one epoch, with persistent workers.


def plot():
    _, axes = plt.subplots(2, 1, figsize=(6, 3.2), layout="constrained")
    for ax, name, dataset in (
        (axes[0], "broken", WorkersSeed()),
        (axes[1], "fixed", Shuffled()),
    ):
        epochs = epochs_of(load(dataset), epochs=3)
        ax.imshow(epochs, cmap="Blues", vmax=2 * LENGTH, aspect="auto")
        for epoch, samples in enumerate(epochs):
            for position, sample in enumerate(samples):
                ax.text(
                    position,
                    epoch,
                    sample,
                    ha="center",
                    va="center",
                    color="k",
                )
        ax.set(title=name, xticks=[], yticks=range(3), ylabel="epoch")
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Read two epochs as your training loop does, and compare their orders.


def epochs_repeat(loader):
    first, second = epochs_of(loader)
    return first == second


if __name__ == "__main__":
    of_broken = epochs_repeat(load(WorkersSeed()))
    of_fixed = epochs_repeat(load(Shuffled()))
    print(f"of broken: {of_broken}, of fixed: {of_fixed}")
    assert of_broken
    assert not of_fixed

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). It reports
# an order that repeats but changes with new workers.
#
# A constant seed may be right, for example for validation. The audit then warns unless you
# pass ``Expect(fixed_order=True)``.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("stream-with-fixed-shuffle", "dataset.__iter__")
    ]
    assert dejabatch.audit(fixed).ok

    constant = load(ConstantSeed())
    (finding,) = dejabatch.audit(constant).findings
    print(finding.severity, finding.evidence)
    assert finding.slug == "stream-with-fixed-shuffle"
    assert finding.severity == "warning"
    expect = dejabatch.Expect(fixed_order=True)
    assert dejabatch.audit(constant, expect=expect).ok

# %%
# See also
# --------
# * The order of a map-style dataset is the same in every epoch:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * The order differs, but the samples of a batch are neighbours:
#   :doc:`/gallery/4_streaming/plot_one_shard_per_batch`.
# * The workers never see the new epoch:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
