# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Worker state with persistent_workers=True
=========================================

Persistent workers keep their dataset copy, their seed and their random generators.

By default, each epoch starts new workers. With ``persistent_workers=True``, the workers of
the first epoch serve all epochs.

.. code-block:: text

                       epoch 0          epoch 1          epoch 2
   new workers         ├─ A, B ─┤       ├─ C, D ─┤       ├─ E, F ─┤
   persistent workers  ├─ A, B ────────────────────────────────────┤ del loader

   kept       the worker's copy of the dataset, with its caches and open files
              the worker's seed, and the state of its random generators
   new        the order of the indices; the iterator of an IterableDataset
   not seen   changes that the main process makes to the dataset after the first epoch
              has started, except changes in shared memory

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


class WorkerState(Dataset):
    """Report a worker's state. Cache each read, and open the file once."""

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
        cached = index in self.cache
        self.read(index)
        return {
            "index": index,
            "worker": info.id,
            "process": os.getpid(),
            "seed": info.seed,
            "draw": torch.rand(()).item(),
            "attribute": self.attribute,
            "shared": self.shared.item(),
            "cached": cached,
            "position": self.file.tell(),
            "started": self.started,
        }


def count_start(worker_id):
    get_worker_info().dataset.started += 1


def make_loader(dataset, persistent_workers, **options):
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
    loader = make_loader(
        WorkerState(), persistent_workers, collate_fn=dict, **options
    )
    epochs = []
    for epoch in EPOCHS:
        loader.dataset.attribute = f"before epoch {epoch}"
        loader.dataset.shared.fill_(epoch)
        epochs.append(list(loader))
    return epochs


def values(epochs, name):
    """Return one field of all samples, by epoch."""
    return [[sample[name] for sample in samples] for samples in epochs]


if __name__ == "__main__":
    options = {"worker_init_fn": count_start}
    new = three_epochs(persistent_workers=False, **options)
    persistent = three_epochs(persistent_workers=True, **options)
    for title, epochs, processes in (
        ("new", new, 6),
        ("persistent", persistent, 2),
    ):
        seen = {pid for pids in values(epochs, "process") for pid in pids}
        print(f"{title} workers: {len(seen)} processes in 3 epochs")
        assert len(seen) == processes

# %%
# Caches and open files stay
# --------------------------
# Each worker keeps its copy of the dataset until the worker ends. Persistent workers fill
# a cache in the first epoch and use the cache in all later ones. New workers start each
# epoch with an empty cache.
#
# A file stays open, at the position where the last epoch left it. Call ``seek`` before you
# read.

if __name__ == "__main__":
    for title, epochs in (("new", new), ("persistent", persistent)):
        cached = [sum(epoch) for epoch in values(epochs, "cached")]
        print(f"{title} workers: {cached} of 8 samples were in the cache")
        assert cached == ([0, 0, 0] if title == "new" else [0, 8, 8])
        ends = [max(epoch) for epoch in values(epochs, "position")]
        assert ends == [400, 400, 400]  # each worker reads 4 times 100 bytes

    loader = make_loader(WorkerState(), True, collate_fn=dict)
    first, second = list(loader), list(loader)
    del loader
    starts = [
        min(s["position"] for s in samples) for samples in (first, second)
    ]
    print("file position after the first sample of each epoch:", *starts)
    assert starts == [100, 400]

# %%
# A changed attribute does not arrive
# -----------------------------------
# Persistent workers see the attributes that the dataset had before the first epoch. New
# workers also see later changes: :doc:`/gallery/5_workers/plot_stale_worker_copy`. A number
# in shared memory reaches workers of both kinds.

if __name__ == "__main__":
    for title, epochs in (("new", new), ("persistent", persistent)):
        seen = [set(epoch) for epoch in values(epochs, "attribute")]
        print(f"{title} workers:", *seen)
        assert seen == [
            {f"before epoch {epoch if title == 'new' else 0}"}
            for epoch in EPOCHS
        ]
        shared = [set(epoch) for epoch in values(epochs, "shared")]
        print(f"{title} workers, in shared memory:", *shared)
        assert shared == [{0}, {1}, {2}]

# %%
# worker_init_fn runs once
# ------------------------
# ``worker_init_fn`` runs when a worker starts. In persistent workers it runs once for all
# epochs: :doc:`/gallery/5_workers/plot_worker_init_runs_once`.

if __name__ == "__main__":
    processes = values(persistent, "process")
    started = values(persistent, "started")
    print("runs of worker_init_fn before each sample:", *started[-1])
    assert processes[0] == processes[2]
    assert {count for epoch in started for count in epoch} == {1}

# %%
# The seed stays, and the random numbers go on
# --------------------------------------------
# A worker is seeded when it starts. In persistent workers, ``get_worker_info().seed`` is
# the same in every epoch. Their generators continue, so no number comes twice. New workers
# draw the same numbers in the first epoch, and different numbers in the second.

if __name__ == "__main__":
    for title, epochs in (("new", new), ("persistent", persistent)):
        seeds = [set(epoch) for epoch in values(epochs, "seed")]
        print(f"{title} workers: {len(set.union(*seeds))} seeds in 3 epochs")
        assert len(set.union(*seeds)) == (6 if title == "new" else 2)
        draws = [d for epoch in values(epochs, "draw") for d in epoch]
        assert len(set(draws)) == 24
    draws_new, draws_persistent = (
        values(e, "draw") for e in (new, persistent)
    )
    assert draws_new[0] == draws_persistent[0]
    assert not set(draws_new[1]) & set(draws_persistent[1])

# %%
# A generator that is stored on the dataset also continues. Each epoch gets new numbers, and
# both workers get the same numbers:
# :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.


class HoldsGenerator(Dataset):
    def __init__(self):
        self.rng = random.Random(0)  # dejabatch: ignore

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.rng.random()


if __name__ == "__main__":
    loader = make_loader(HoldsGenerator(), persistent_workers=True)
    drawn = [list(loader) for epoch in EPOCHS]
    del loader
    print(*drawn, sep="\n")
    assert all(worker_0 == worker_1 for worker_0, worker_1 in drawn)
    assert len({worker_0 for worker_0, _ in drawn}) == 3

# %%
# Each epoch has a new order
# --------------------------
# The main process draws a new order for each epoch, for workers of both kinds. After one
# ``torch.manual_seed``, both kinds have the same order in the first epoch, and different
# orders in the second. Only new workers need a seed in each epoch, and that seed is drawn
# before the order: :doc:`/gallery/explanations/plot_what_generator_drives`.

if __name__ == "__main__":
    orders = {}
    for persistent_workers in (False, True):
        epochs = three_epochs(persistent_workers, shuffle=True)
        kind = "persistent" if persistent_workers else "new"
        orders[kind] = values(epochs, "index")
        print(f"{kind} workers:", *orders[kind])
        assert len(set(map(tuple, orders[kind]))) == 3
        seeds = [set(epoch) for epoch in values(epochs, "seed")]
        assert (seeds[0] == seeds[1]) == persistent_workers
    assert orders["new"][0] == orders["persistent"][0]
    assert orders["new"][1] != orders["persistent"][1]

# %%
# An IterableDataset starts a new iterator
# ----------------------------------------
# Each epoch calls the ``__iter__`` of an :class:`~torch.utils.data.IterableDataset` on the
# worker's copy. A dataset that counts its epochs in ``__iter__`` counts up in persistent
# workers. In new workers, the dataset counts 0 in every epoch:
# :doc:`/gallery/4_streaming/plot_stream_with_fixed_shuffle`.


class CountsEpochs(IterableDataset):
    def __init__(self):
        self.epoch = -1

    def __iter__(self):
        self.epoch += 1
        yield self.epoch


if __name__ == "__main__":
    for persistent_workers in (False, True):
        loader = make_loader(CountsEpochs(), persistent_workers)
        counts = [set(loader) for epoch in EPOCHS]
        del loader
        print(f"persistent_workers={persistent_workers}: epochs", *counts)
        assert counts == ([{0}, {1}, {2}] if persistent_workers else [{0}] * 3)

# %%
# All measurements in one picture
# -------------------------------
# Each colour is a process. The numbers were measured above.


def draw_timeline(ax, title, epochs):
    processes = list(
        dict.fromkeys(p for e in values(epochs, "process") for p in e)
    )
    for epoch, samples in enumerate(epochs):
        for worker in range(2):
            mine = [s for s in samples if s["worker"] == worker]
            process = processes.index(mine[0]["process"])
            cached = sum(sample["cached"] for sample in mine)
            box = {"fc": plt.cm.Pastel1(process), "ec": "#555555"}
            ax.add_patch(plt.Rectangle((epoch, 1 - worker), 0.96, 0.86, **box))
            text = (
                f"process {'ABCDEF'[process]}\nseed …{mine[0]['seed'] % 1000:03}"
                f"\n{cached} of {len(mine)} cached"
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
# When do persistent workers end?
# -------------------------------
# Persistent workers end when the loader is deleted. A loop that you leave early does not
# end the workers. The next loop starts again at the first index, in the same workers.

if __name__ == "__main__":
    loader = make_loader(WorkerState(), True, collate_fn=dict)
    first_sample = next(iter(loader))
    next_loop = list(loader)
    processes = {sample["process"] for sample in next_loop}
    same = first_sample["process"] in processes
    print("the next loop has the same workers:", same)
    assert same
    assert [sample["index"] for sample in next_loop] == list(range(8))

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
    print("workers alive after del loader:", alive)
    assert alive == 0

# %%
# See also
# --------
# * Two loops over one loader with persistent workers share an iterator:
#   :doc:`/gallery/3_order/plot_one_iterator_per_persistent_loader`.
# * The start of a worker: :doc:`/gallery/explanations/plot_start_methods`.
# * An epoch number that persistent workers see: :class:`dejabatch.SharedEpoch` and
#   :func:`dejabatch.set_epoch`.
# * :class:`torch.utils.data.DataLoader`.
