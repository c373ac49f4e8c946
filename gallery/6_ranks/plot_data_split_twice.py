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
Data is split twice between GPUs, and half is never read
========================================================

A framework does not know that your sampler has split the data already.

* **You see:** On two ranks an epoch has a quarter of the steps instead of half, and
  half of the samples are never read.
* **Because:** The program splits the data between ranks, and ``accelerator.prepare``,
  ``Trainer`` or Lightning splits each part once more.
* **Do:** Split once: give the framework a loader without ``DistributedSampler``,
  ``shard`` or a split of your own, or tell it not to split.
"""

# %%
# See it happen
# -------------
# Two ranks train with Accelerate on 32 samples. The program splits the samples by a
# ``DistributedSampler``, and gives the loader to ``accelerator.prepare``.

# sphinx_gallery_tags = ["same across ranks", "missing samples", "DistributedSampler"]
# sphinx_gallery_parallel = False

import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from accelerate import Accelerator, DataLoaderConfiguration
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    Subset,
    TensorDataset,
)

RANKS = 2
dataset = TensorDataset(torch.arange(32))


def broken():
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=4, sampler=sampler)
    return Accelerator(cpu=True).prepare(loader)


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
    lost = 32 - len({sample for samples in ranks for sample in samples})
    return f"{lost} of 32 samples on no rank, {len(ranks[0]) // 4} steps"


if __name__ == "__main__":
    twice = on_ranks(read, broken)
    print("broken:", say(twice))
    assert say(twice) == "16 of 32 samples on no rank, 2 steps"

# %%
# Why
# ---
# ``prepare`` gives rank 0 the even batches of the loader and rank 1 the odd ones. This
# is right if both loaders have the same batches. Here each loader has a half already, so
# each rank keeps half of its half. Nothing warns: the ranks read different samples, and
# the loss falls.

if __name__ == "__main__":
    zero, one = twice
    print("rank 0:", zero)
    print("rank 1:", one)
    assert not set(zero) & set(one)

# %%
# The fix
# -------
# Split once. Under Accelerate and ``Trainer``, give the loader or the dataset as in a
# program with one process.


def fixed():
    loader = DataLoader(dataset, batch_size=4, shuffle=True)
    return Accelerator(cpu=True).prepare(loader)


if __name__ == "__main__":
    once = on_ranks(read, fixed)
    print("fixed:", say(once))
    assert say(once) == "0 of 32 samples on no rank, 4 steps"

# %%
# A split by hand is lost in the same way. To keep it, do not prepare the loader.
# ``dispatch_batches=True`` splits nothing: rank 0 reads for all ranks.


def split_by_hand():
    rank = torch.distributed.get_rank()
    part = Subset(dataset, range(rank, 32, RANKS))
    loader = DataLoader(part, batch_size=4, shuffle=True)
    return Accelerator(cpu=True).prepare(loader)


def not_prepared():
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=4, sampler=sampler)


def dispatched():
    settings = DataLoaderConfiguration(dispatch_batches=True)
    accelerator = Accelerator(cpu=True, dataloader_config=settings)
    return accelerator.prepare(DataLoader(dataset, batch_size=4, shuffle=True))


def read_each(*makers):
    return [read(make_loader) for make_loader in makers]


if __name__ == "__main__":
    makers = split_by_hand, not_prepared, dispatched
    for make, *ranks in zip(
        makers, *on_ranks(read_each, *makers), strict=True
    ):
        print(f"{make.__name__}: {say(ranks)}")
        lost = 16 if make is split_by_hand else 0
        assert say(ranks).startswith(f"{lost} of 32")

# %%
# Lightning leaves a ``DistributedSampler`` as it is, and splits every other loader. Then a
# split by hand needs ``Trainer(use_distributed_sampler=False)``.
# :doc:`/gallery/explanations/plot_what_ranks_share` measures Accelerate, ``Trainer`` and
# Lightning. ``dejabatch.shard`` raises an error instead of losing samples:

import dejabatch


def sharded_twice():
    loader = DataLoader(dejabatch.shard(range(32)), batch_size=4)
    try:
        list(Accelerator(cpu=True).prepare(loader))
    except RuntimeError as error:
        return str(error)


if __name__ == "__main__":
    message, _ = on_ranks(sharded_twice)
    print("RuntimeError:", message)
    assert "ranks=False" in message

# %%
# Proof
# -----
# Each square is a sample that a rank reads in one epoch. Columns without a square are on
# no rank.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.4), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, samples in enumerate(ranks):
            ax.scatter(samples, [rank] * len(samples), marker="s", s=90)
        ax.set(title=name, xticks=range(0, 32, 4), ylim=(1.6, -0.6))
        ax.set_yticks([0, 1], ["rank 0", "rank 1"])
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=twice, fixed=once)

# %%
# Find it in your code
# --------------------
# Count the samples that all ranks read in an epoch: gather the indices or the paths.


def count_different(make_loader):
    everyone = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, read(make_loader))
    return len({sample for samples in everyone for sample in samples})


# %%
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank with the prepared loader, or with a function that makes it. ``accelerate launch
# -m dejabatch audit train:make_loader`` does the same.


def audit_both():
    reports = dejabatch.audit(broken), dejabatch.audit(fixed)
    slugs = [f.slug for f in reports[0].findings]
    numbers = count_different(broken), count_different(fixed)
    return numbers, str(reports[0]), slugs, reports[1].ok


if __name__ == "__main__":
    (numbers, text, slugs, fixed_is_ok), _ = on_ranks(audit_both)
    print("different samples, broken and fixed:", numbers)
    print(text)
    assert numbers == (16, 32)
    assert slugs == ["data-split-twice"]
    assert fixed_is_ok

# %%
# See also
# --------
# * Nothing splits the data: :doc:`/gallery/6_ranks/plot_no_distributed_sampler`.
# * A recipe for each case: :ref:`part-for-each-rank`.
# * Some samples are on both ranks, and others on none:
#   :doc:`/gallery/6_ranks/plot_ranks_disagree`.
