# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Every GPU trains on the same batches
====================================

Ranks know nothing of each other's loaders. A sampler has to split the data.

* **You see:** An epoch has as many steps on four GPUs as on one: every rank reads the
  whole dataset.
* **Because:** The loader has no ``DistributedSampler``, so each rank draws from the
  whole dataset.
* **Do:** Pass ``sampler=DistributedSampler(dataset)`` instead of ``shuffle=True``, and
  call its ``set_epoch`` before each epoch.
"""

# %%
# See it happen
# -------------
# Two processes of ``torch.distributed`` train, as ``torchrun --nproc-per-node 2`` starts
# them. Each makes a loader of its own and reads an epoch of 24 samples.

# sphinx_gallery_tags = ["same across ranks", "repeated samples", "DistributedSampler"]
# sphinx_gallery_parallel = False

import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RANKS = 2
dataset = TensorDataset(torch.arange(24))


def broken():
    return DataLoader(dataset, batch_size=3, shuffle=True)


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


def read(make_loader):
    """Return the samples of an epoch on this rank."""
    return torch.cat([batch for (batch,) in make_loader()]).tolist()


def say(ranks):
    zero, one = map(set, ranks)
    steps = len(ranks[0]) // 3
    return f"{len(zero & one)} of 24 samples on both ranks, {steps} steps"


if __name__ == "__main__":
    all_on_all = on_ranks(read, broken)
    print("broken:", say(all_on_all))
    assert say(all_on_all) == "24 of 24 samples on both ranks, 8 steps"

# %%
# Why
# ---
# ``DistributedDataParallel`` averages the gradients of the ranks. It never touches the
# data. Each loader shuffles all indices of the dataset with the random state of its own
# process. A second GPU then makes no epoch shorter: one process alone needs 8 steps.
#
# If all ranks set the same seed, they even read the same batches in the same order, and
# average equal gradients.


def read_with_one_seed(make_loader):
    torch.manual_seed(0)
    return read(make_loader)


if __name__ == "__main__":
    assert len(broken()) == 8
    zero, one = on_ranks(read_with_one_seed, broken)
    print("one seed on both ranks:", zero[:6], one[:6])
    assert zero == one

# %%
# The fix
# -------
# ``DistributedSampler`` shuffles by a seed that all ranks share. Each rank takes every
# n-th index of this order. Make the sampler after the process group, and call
# ``set_epoch`` before each epoch: :doc:`/gallery/6_ranks/plot_no_set_epoch`.


def fixed():
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=3, sampler=sampler)


if __name__ == "__main__":
    split = on_ranks(read, fixed)
    print("fixed:", say(split))
    assert say(split) == "0 of 24 samples on both ranks, 4 steps"

# %%
# Accelerate, Trainer and Lightning split the data for you. Give them the loader without a
# sampler: :doc:`/gallery/explanations/plot_what_ranks_share` runs all three.
# ``DataLoader(shuffle=True)`` and a sampler exclude each other:

if __name__ == "__main__":
    message = ""
    try:
        DataLoader(dataset, shuffle=True, sampler=range(24))
    except ValueError as error:
        message = str(error)
    assert "mutually exclusive with shuffle" in message

# %%
# Proof
# -----
# Each square is a sample that a rank reads in one epoch. The fixed ranks share nothing.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.4), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, samples in enumerate(ranks):
            ax.scatter(samples, [rank] * len(samples), marker="s", s=110)
        ax.set(title=name, xticks=range(0, 24, 4), ylim=(1.6, -0.6))
        ax.set_yticks([0, 1], ["rank 0", "rank 1"])
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=all_on_all, fixed=split)

# %%
# Find it in your code
# --------------------
# Print ``len(loader)`` on each rank: two ranks should have half of the batches of one.
#
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank: all get the same report. Or run a command:
# ``torchrun --nproc-per-node 2 -m dejabatch audit train:make_loader``.

import dejabatch


def audit_both():
    report = dejabatch.audit(broken)
    slugs = [f.slug for f in report.findings]
    return str(report), slugs, dejabatch.audit(fixed).ok


if __name__ == "__main__":
    (text, slugs, fixed_is_ok), other = on_ranks(audit_both)
    print(text)
    assert other == (text, slugs, fixed_is_ok)
    assert slugs == ["no-distributed-sampler"]
    assert fixed_is_ok

# %%
# See also
# --------
# * A stream is read by all ranks:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_rank`.
# * Two objects split the data, and half is on no rank:
#   :doc:`/gallery/6_ranks/plot_data_split_twice`.
