# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
set_epoch takes effect an epoch late
====================================

Workers of an endless loader fetch the next epoch before the current one is over.

* **You see:** The orders of epochs 0, 1, 2 and 3 are those of epochs 0, 0, 1 and 2.
* **Because:** An endless sampler keeps the workers busy across the end of an epoch: the
  next order is drawn before ``set_epoch`` is called.
* **Do:** Use ``persistent_workers=True`` instead of an endless sampler, or let the
  sampler count its passes itself.
"""

# %%
# See it happen
# -------------
# Two ranks train with an endless loader, as YOLOv5's ``InfiniteDataLoader`` is. It keeps
# its workers from one epoch to the next. The loop calls ``set_epoch`` as it should.

# sphinx_gallery_tags = ["same in every epoch", "same order", "DistributedSampler"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["Repeat", "RepeatAndCount"]

import os
import socket
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RANKS = 2
EPOCHS = 4
dataset = TensorDataset(torch.arange(24))


class Repeat:
    def __init__(self, batch_sampler):
        self.batch_sampler = batch_sampler

    def __iter__(self):
        while True:
            yield from self.batch_sampler


class EndlessLoader(DataLoader):
    def __init__(self):
        sampler = DistributedSampler(dataset)
        options = {"batch_size": 3, "num_workers": 1, "sampler": sampler}
        super().__init__(dataset, **options)
        self.batches = len(self.batch_sampler)
        # DataLoader refuses an ordinary assignment.
        object.__setattr__(self, "batch_sampler", self.endless())
        self.iterator = super().__iter__()

    def endless(self):
        return Repeat(self.batch_sampler)

    def __iter__(self):
        for _ in range(self.batches):
            yield next(self.iterator)


def broken():
    return EndlessLoader()


def run_rank(rank, port, folder, function, arguments):
    torch.seed()  # forked ranks start with one random state
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": f"{rank}",
        "LOCAL_RANK": f"{rank}",
        "WORLD_SIZE": f"{RANKS}",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": f"{port}",
    }
    torch.distributed.init_process_group("gloo")
    torch.save(function(*arguments), f"{folder}/{rank}")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def on_ranks(function, *arguments):
    """Return what a function returns on each rank of a new program."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # is free
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            run_rank,
            args=(port, folder, function, arguments),
            nprocs=RANKS,
            start_method=torch.multiprocessing.get_start_method(),
        )
        return [torch.load(f"{folder}/{rank}") for rank in range(RANKS)]


def train(make_loader):
    """Return, for each epoch, the samples and the epoch whose order they have."""
    loader = make_loader()
    epochs = []
    for epoch in range(EPOCHS):
        loader.sampler.set_epoch(epoch)
        epochs.append(torch.cat([batch for (batch,) in loader]).tolist())
    own = DistributedSampler(dataset)
    orders = []
    for epoch in range(EPOCHS):
        own.set_epoch(epoch)
        orders.append(list(own))
    return epochs, [orders.index(order) for order in epochs]


if __name__ == "__main__":
    late = on_ranks(train, broken)
    print("broken: orders of epochs", *late[0][1])
    assert [orders for _, orders in late] == [[0, 0, 1, 2]] * RANKS

# %%
# Why
# ---
# A worker is asked for two batches ahead. Near the end of epoch 0, the loader asks for the
# first batches of epoch 1. The sampler then makes its order, and its epoch is still 0. The
# call of ``set_epoch(1)`` comes later, and takes effect in epoch 2.
#
# An ordinary loader asks for nothing beyond the end of an epoch.


def ordinary():
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=3, num_workers=1, sampler=sampler)


if __name__ == "__main__":
    orders = [orders for _, orders in on_ranks(train, ordinary)]
    print("ordinary loader: orders of epochs", *orders[0])
    assert orders == [[0, 1, 2, 3]] * RANKS

# %%
# The fix
# -------
# Let the endless sampler count its passes, and set the epoch at the start of each.


class RepeatAndCount(Repeat):
    def __iter__(self):
        epoch = 0
        while True:
            self.batch_sampler.sampler.set_epoch(epoch)
            yield from self.batch_sampler
            epoch += 1


class EndlessLoaderInTime(EndlessLoader):
    def endless(self):
        return RepeatAndCount(self.batch_sampler)


def fixed():
    return EndlessLoaderInTime()


if __name__ == "__main__":
    in_time = on_ranks(train, fixed)
    print("fixed: orders of epochs", *in_time[0][1])
    assert [orders for _, orders in in_time] == [[0, 1, 2, 3]] * RANKS

# %%
# Or drop the endless loader. ``persistent_workers=True`` keeps the workers as well, and
# fetches no batch of the next epoch.


def persistent():
    return DataLoader(
        dataset,
        batch_size=3,
        num_workers=1,
        sampler=DistributedSampler(dataset),
        persistent_workers=True,
    )


if __name__ == "__main__":
    orders = [orders for _, orders in on_ranks(train, persistent)]
    print("persistent workers: orders of epochs", *orders[0])
    assert orders == [[0, 1, 2, 3]] * RANKS

# %%
# Proof
# -----
# Each square is a sample of rank 0. Epochs 0 and 1 of the broken loader have the same
# samples, although the loop has called ``set_epoch``.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 4.6), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for row, (samples, order) in enumerate(zip(*ranks[0], strict=True)):
            rows = [row] * len(samples)
            ax.scatter(samples, rows, marker="s", s=80, color=f"C{order}")
        ax.set(title=name, xticks=range(0, 24, 4), ylim=(3.6, -0.6))
        names = [
            f"epoch {row}: order {o}" for row, o in enumerate(ranks[0][1])
        ]
        ax.set_yticks(range(EPOCHS), names)
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=late, fixed=in_time)

# %%
# Find it in your code
# --------------------
# Run ``python -m dejabatch lint`` on your code. Here the lint reads this page. In a
# run, the first batches of the first two epochs differ if the epoch arrives in time.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    for ranks, are_equal in ((late, True), (in_time, False)):
        (first, second, *_), _ = ranks[0]
        assert (first[:3] == second[:3]) == are_equal
    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        places = lint_paths([script])
        for place in places:
            print(f"line {place.line}: {place.slug}")
        assert {place.slug for place in places} == {"epoch-arrives-late"}

# %%
# See also
# --------
# * ``set_epoch`` is not called: :doc:`/gallery/6_ranks/plot_no_set_epoch`.
# * Persistent workers keep an old epoch: :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * State in persistent workers: :doc:`/gallery/explanations/plot_persistent_workers`.
