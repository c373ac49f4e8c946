# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "accelerate",
#   "matplotlib",
#   "torch",
# ]
# ///
"""
DistributedSampler has the same order in every epoch
====================================================

The sampler cannot know that a new epoch begins. You have to say so.

* **You see:** Training on several ranks shuffles, but every epoch has the same order.
* **Because:** ``DistributedSampler`` shuffles by its seed and its epoch, and the epoch
  stays 0 until you call ``set_epoch``.
* **Do:** Call ``loader.sampler.set_epoch(epoch)`` before each epoch.
"""

# %%
# See it happen
# -------------
# Two ranks train for three epochs on 24 samples. ``DistributedSampler`` shuffles the
# samples, and gives each rank a half.

# sphinx_gallery_tags = ["same in every epoch", "same order", "DistributedSampler"]
# sphinx_gallery_parallel = False

import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from accelerate import Accelerator
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    TensorDataset,
)

RANKS = 2
dataset = TensorDataset(torch.arange(24))
epochs_of_rank = []


def make_loader():
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=3, sampler=sampler)


def train(loader):
    order = torch.cat([batch for (batch,) in loader])
    epochs_of_rank.append(order.tolist())


def broken():
    loader = make_loader()
    for _ in range(3):
        train(loader)
    return loader


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


def epochs_of(program):
    """Return the orders of all epochs on this rank."""
    program()
    return epochs_of_rank


def different(ranks):
    return len({tuple(order) for order in ranks[0]})


if __name__ == "__main__":
    same = on_ranks(epochs_of, broken)
    print(f"broken: {different(same)} order in 3 epochs")
    assert different(same) == 1

# %%
# Why
# ---
# The sampler makes its order from ``seed + epoch``, so that all ranks agree without a
# message. Its ``epoch`` starts at 0, and nothing in torch changes the number.
#
# The halves stay the same, too. A sample that begins on rank 0 never reaches rank 1.

if __name__ == "__main__":
    zero, one = same
    print("rank 0:", zero[0][:6], zero[1][:6], zero[2][:6])
    assert zero[0] == zero[1] == zero[2]
    assert not set(zero[0]) & set(one[0])

# %%
# The fix
# -------
# Call ``set_epoch`` before the loop over the loader. Do so with ``shuffle=False`` as well:
# the call does no harm.


def fixed():
    loader = make_loader()
    for epoch in range(3):
        loader.sampler.set_epoch(epoch)
        train(loader)
    return loader


if __name__ == "__main__":
    new = on_ranks(epochs_of, fixed)
    print(f"fixed: {different(new)} orders in 3 epochs")
    assert different(new) == 3
    assert all(
        sorted(a + b) == list(range(24)) for a, b in zip(*new, strict=True)
    )

# %%
# With a batch sampler of your own, ``loader.sampler`` is another sampler, which has no
# ``set_epoch``. Call that of the sampler inside: ``loader.batch_sampler.sampler``.
# ``dejabatch.set_epoch`` finds it, whatever surrounds it.

import dejabatch

if __name__ == "__main__":
    sampler = DistributedSampler(dataset, num_replicas=2, rank=0)
    batches = BatchSampler(sampler, batch_size=3, drop_last=False)
    loader = DataLoader(dataset, batch_sampler=batches)
    print("loader.sampler:", type(loader.sampler).__name__)
    assert not hasattr(loader.sampler, "set_epoch")
    dejabatch.set_epoch(loader, 2)
    print("epoch of the sampler inside:", sampler.epoch)
    assert sampler.epoch == 2

# %%
# Accelerate, ``Trainer`` and Lightning call ``set_epoch`` for you, once for each epoch.
# :doc:`/gallery/explanations/plot_what_ranks_share` runs all three. A prepared loader
# needs no call:


def prepared():
    loader = DataLoader(dataset, batch_size=3, shuffle=True)
    loader = Accelerator(cpu=True).prepare(loader)
    for _ in range(3):
        train(loader)


if __name__ == "__main__":
    by_accelerate = on_ranks(epochs_of, prepared)
    print("Accelerate:", different(by_accelerate), "orders in 3 epochs")
    assert different(by_accelerate) == 3

# %%
# Proof
# -----
# Each square is a sample, in the colour of the rank that reads it. Only the fixed halves
# change from epoch to epoch.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 4), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, epochs in enumerate(ranks):
            samples = [sample for order in epochs for sample in order]
            rows = [n for n, order in enumerate(epochs) for _ in order]
            label, marker = f"rank {rank}", "sD"[rank]
            ax.scatter(samples, rows, marker=marker, label=label, s=80)
        ax.set(title=name, xticks=range(0, 24, 4), ylim=(2.6, -0.6))
        ax.set_yticks(range(3), [f"epoch {n}" for n in range(3)])
    axes[0].legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 0.95))
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=same, fixed=new)

# %%
# Find it in your code
# --------------------
# Print the first batch of each epoch. Or run the lint, which reads your files and finds a
# loop without the call: ``python -m dejabatch lint train.py``. Or call
# ``dejabatch.audit`` after the second epoch. A note says that the epoch is still 0.


def audit_both():
    reports = dejabatch.audit(broken), dejabatch.audit(fixed)
    found = [(f.slug, f.severity, f.where) for f in reports[0].findings]
    return str(reports[0]), found, reports[1].findings == ()


if __name__ == "__main__":
    (text, found, nothing_in_fixed), _ = on_ranks(audit_both)
    print(text)
    assert found == [("no-set-epoch", "note", "sampler")]
    assert nothing_in_fixed

# %%
# See also
# --------
# * ``set_epoch`` takes effect too late: :doc:`/gallery/6_ranks/plot_epoch_arrives_late`.
# * A sampler of your own keeps its order:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * A stream keeps its order: :doc:`/gallery/4_streaming/plot_stream_with_fixed_shuffle`.
