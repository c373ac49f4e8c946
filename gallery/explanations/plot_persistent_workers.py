# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "torch",
# ]
# ///
"""
What persistent workers keep
============================

What stays from epoch to epoch with ``persistent_workers=True``, and what is new in each.

Without the option, the workers end with each epoch, and the next one starts others. With
it, those of the first epoch go on.

.. code-block:: text

                       epoch 0          epoch 1          epoch 2
   new workers         ├─ A, B ─┤       ├─ C, D ─┤       ├─ E, F ─┤
   persistent workers  ├─ A, B ────────────────────────────────────┤ del loader

   stays      the worker's copy of the dataset, with its caches and open files
              its seed, and where its random generators stand
   is new     the order of the indices; the iterator of an IterableDataset
   not seen   what the main process has changed in the dataset since the first epoch,
              unless in shared memory

Below, workers of both kinds report their state in three epochs.
"""

# sphinx_gallery_tags = ["persistent workers", "dataset"]
# sphinx_gallery_parallel = False

import io
import multiprocessing
import os
import random

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    get_worker_info,
)

PHOTOGRAPH = get_sample_data("grace_hopper.jpg", asfileobj=False)
EPOCHS = range(3)


class Tells(Dataset):
    """What a worker reports. It caches what it has read, and opens its file once."""

    def __init__(self):
        self.attribute = "before epoch 0"
        self.shared = torch.tensor(0).share_memory_()
        self.cache = {}
        self.file = None
        self.started = 0

    def __len__(self):
        return 8

    def read(self, index):
        if self.file is None:
            self.file = io.FileIO(PHOTOGRAPH)
        if index not in self.cache:
            self.cache[index] = self.file.read(100)
        return self.cache[index]

    def __getitem__(self, index):
        info = get_worker_info()
        known = index in self.cache
        self.read(index)
        return {
            "index": index,
            "worker": info.id,
            "process": os.getpid(),
            "seed": info.seed,
            "draw": torch.rand(()).item(),
            "attribute": self.attribute,
            "shared": self.shared.item(),
            "known": known,
            "position": self.file.tell(),
            "started": self.started,
        }


def count_start(worker_id):
    get_worker_info().dataset.started += 1


def load(dataset, persistent_workers, **options):
    return DataLoader(
        dataset,
        batch_size=None,
        num_workers=2,
        persistent_workers=persistent_workers,
        **options,
    )


def three_epochs(persistent_workers, **options):
    """Return the samples of each epoch."""
    torch.manual_seed(0)
    loader = load(Tells(), persistent_workers, collate_fn=dict, **options)
    epochs = []
    for epoch in EPOCHS:
        loader.dataset.attribute = f"before epoch {epoch}"
        loader.dataset.shared.fill_(epoch)
        epochs.append(list(loader))
    return epochs


def of_each(epochs, name):
    return [[sample[name] for sample in samples] for samples in epochs]


if __name__ == "__main__":
    options = {"worker_init_fn": count_start}
    new = three_epochs(persistent_workers=False, **options)
    persistent = three_epochs(persistent_workers=True, **options)
    for title, epochs, processes in (
        ("new", new, 6),
        ("persistent", persistent, 2),
    ):
        seen = {one for epoch in of_each(epochs, "process") for one in epoch}
        print(f"{title} workers: {len(seen)} processes in 3 epochs")
        assert len(seen) == processes

# %%
# The dataset, its caches and its files
# -------------------------------------
# Each worker has its own copy, from the moment when it starts until it ends. A cache is
# filled once. That is what the option is good for, and each worker has a cache of its own.
# A file stays open, and at the position at which the last epoch left it: go to the
# beginning before you read from it.

if __name__ == "__main__":
    for title, epochs in (("new", new), ("persistent", persistent)):
        known = [sum(one) for one in of_each(epochs, "known")]
        print(f"{title} workers: {known} of 8 samples were in the cache")
        assert known == ([0, 0, 0] if title == "new" else [0, 8, 8])
        ends = [max(one) for one in of_each(epochs, "position")]
        assert ends == [400, 400, 400]  # of the 800 bytes, each read 400

    one_more = load(Tells(), persistent_workers=True, collate_fn=dict)
    first, second = list(one_more), list(one_more)
    del one_more
    starts = [
        min(s["position"] for s in samples) for samples in (first, second)
    ]
    print("the files are at", starts, "after the epochs' first samples")
    assert starts == [100, 400]

# %%
# Changes from outside
# --------------------
# What the main process sets before the first epoch arrives. What it sets later reaches
# only workers that start later: :doc:`/gallery/5_workers/plot_stale_worker_copy`. A number
# in shared memory reaches all of them.

if __name__ == "__main__":
    for title, epochs in (("new", new), ("persistent", persistent)):
        heard = [set(one) for one in of_each(epochs, "attribute")]
        print(f"{title} workers:", *heard)
        assert heard == [
            {f"before epoch {epoch if title == 'new' else 0}"}
            for epoch in EPOCHS
        ]
        shared = [set(one) for one in of_each(epochs, "shared")]
        print(f"{title} workers, in shared memory:", *shared)
        assert shared == [{0}, {1}, {2}]

# %%
# worker_init_fn
# --------------
# It runs when a worker starts, so once for all epochs:
# :doc:`/gallery/5_workers/plot_worker_init_runs_once`.

if __name__ == "__main__":
    processes = of_each(persistent, "process")
    started = of_each(persistent, "started")
    print("worker_init_fn has run this many times:", *started[-1])
    assert processes[0] == processes[2]
    assert {count for epoch in started for count in epoch} == {1}

# %%
# Seeds and random generators
# ---------------------------
# A worker is seeded when it starts. Persistent ones say the same
# ``get_worker_info().seed`` in every epoch, and their generators go on from where they
# stand: the first epoch is that of new workers, and the next ones draw other numbers than
# these, without a repetition.

if __name__ == "__main__":
    for title, epochs in (("new", new), ("persistent", persistent)):
        seeds = [set(one) for one in of_each(epochs, "seed")]
        print(f"{title} workers: {len(set.union(*seeds))} seeds in 3 epochs")
        assert len(set.union(*seeds)) == (6 if title == "new" else 2)
        draws = [draw for one in of_each(epochs, "draw") for draw in one]
        assert len(set(draws)) == 24
    draws_new, draws_persistent = (
        of_each(e, "draw") for e in (new, persistent)
    )
    assert draws_new[0] == draws_persistent[0]
    assert not set(draws_new[1]) & set(draws_persistent[1])

# %%
# So a generator that is stored on the dataset gives other numbers in each epoch, and still
# the same ones in both workers: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.


class HoldsGenerator(Dataset):
    def __init__(self):
        self.rng = random.Random(0)  # dejabatch: ignore

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.rng.random()


if __name__ == "__main__":
    loader = load(HoldsGenerator(), persistent_workers=True)
    drawn = [list(loader) for epoch in EPOCHS]
    del loader
    print(*drawn, sep="\n")
    assert all(one == other for one, other in drawn)
    assert len({one for one, _ in drawn}) == 3

# %%
# The order
# ---------
# The main process draws a new one for each epoch, whatever the workers. But the base seed,
# from which workers are seeded, is drawn in the first epoch alone. So with the same seed
# the two kinds have one order in the first epoch, and different ones from the second on.

if __name__ == "__main__":
    orders = {}
    for kind in (False, True):
        epochs = three_epochs(kind, shuffle=True)
        orders[kind] = of_each(epochs, "index")
        print("persistent workers:" if kind else "new workers:", *orders[kind])
        assert len(set(map(tuple, orders[kind]))) == 3
    assert orders[False][0] == orders[True][0]
    assert orders[False][1] != orders[True][1]

# %%
# Streams
# -------
# The ``__iter__`` of an :class:`~torch.utils.data.IterableDataset` is called anew in each
# epoch, on the copy that the worker has kept. A dataset that counts its epochs there
# counts on. With new workers it begins again from 0:
# :doc:`/gallery/4_streaming/plot_stream_with_fixed_shuffle`.


class CountsEpochs(IterableDataset):
    def __init__(self):
        self.epoch = -1

    def __iter__(self):
        self.epoch += 1
        yield self.epoch


if __name__ == "__main__":
    for persistent_workers in (False, True):
        loader = load(CountsEpochs(), persistent_workers)
        counts = [set(loader) for epoch in EPOCHS]
        del loader
        print(f"persistent_workers={persistent_workers}: epochs", *counts)
        assert counts == ([{0}, {1}, {2}] if persistent_workers else [{0}] * 3)

# %%
# All of it
# ---------
# Each colour is a process, with what was measured above.


def draw_timeline(ax, title, epochs):
    processes = list(
        dict.fromkeys(p for e in of_each(epochs, "process") for p in e)
    )
    for epoch, samples in enumerate(epochs):
        for worker in range(2):
            mine = [s for s in samples if s["worker"] == worker]
            process = processes.index(mine[0]["process"])
            known = sum(sample["known"] for sample in mine)
            box = {"fc": plt.cm.Pastel1(process), "ec": "#555555"}
            ax.add_patch(plt.Rectangle((epoch, 1 - worker), 0.96, 0.86, **box))
            text = (
                f"process {'ABCDEF'[process]}\nseed …{mine[0]['seed'] % 1000:03}"
                f"\n{known} of {len(mine)} cached"
            )
            where = (epoch + 0.48, 1.43 - worker)
            ax.text(*where, text, ha="center", va="center", color="k", size=9)
    ax.set(title=title, xlim=(-0.05, 3), ylim=(-0.05, 2))
    ax.set(
        xticks=[0.48, 1.48, 2.48], xticklabels=[f"epoch {e}" for e in EPOCHS]
    )
    ax.set(yticks=[1.43, 0.43], yticklabels=["worker 0", "worker 1"])


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(5.5, 4.6), layout="constrained")
    draw_timeline(axes[0], "new workers for each epoch", new)
    draw_timeline(axes[1], "persistent workers", persistent)
    plt.show()

# %%
# When they end
# -------------
# When the loader is deleted, or the program ends. Until then they hold their memory and
# their files. A loop that is left early does not end them either, and the next one begins
# at the first index again.

if __name__ == "__main__":
    loader = load(Tells(), persistent_workers=True, collate_fn=dict)
    early = next(iter(loader))
    whole = list(loader)
    processes = {sample["process"] for sample in whole}
    same = early["process"] in processes
    print("the next loop has the same workers:", same)
    assert same
    assert [sample["index"] for sample in whole] == list(range(8))

    workers = [
        child
        for child in multiprocessing.active_children()
        if child.pid in processes
    ]
    assert len(workers) == 2
    del loader
    for worker in workers:
        worker.join(timeout=10)
    alive = sum(worker.is_alive() for worker in workers)
    print("workers that live on without the loader:", alive)
    assert alive == 0

# %%
# See also
# --------
# * Two loops over one such loader have one iterator:
#   :doc:`/gallery/3_order/plot_one_iterator_per_persistent_loader`.
# * What a worker gets when it starts: :doc:`/gallery/explanations/plot_start_methods`.
# * An epoch number that arrives: :class:`dejabatch.SharedEpoch` and
#   :func:`dejabatch.set_epoch`.
# * :class:`torch.utils.data.DataLoader`.
