# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Two nodes train on the same data
================================

``LOCAL_RANK`` counts the processes of one machine, and begins at 0 on each.

* **You see:** Ranks 0 and 2 read the same samples, ranks 1 and 3 as well, and the other
  samples are never read.
* **Because:** The number given as rank is not the global rank: it counts on one
  machine, or was read before the process group existed.
* **Do:** Use ``torch.distributed.get_rank()`` and ``get_world_size()``, after
  ``init_process_group``, or the variables ``RANK`` and ``WORLD_SIZE``.
"""

# %%
# See it happen
# -------------
# Four ranks train on two nodes, as ``torchrun --nnodes 2 --nproc-per-node 2`` starts them.
# The sampler gets ``LOCAL_RANK``, the number that picks the GPU.

# sphinx_gallery_tags = ["same across ranks", "missing samples", "LOCAL_RANK"]
# sphinx_gallery_parallel = False

import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RANKS = 4
dataset = TensorDataset(torch.arange(32))


def broken():
    sampler = DistributedSampler(
        dataset,
        num_replicas=torch.distributed.get_world_size(),
        rank=int(os.environ["LOCAL_RANK"]),
    )
    return DataLoader(dataset, batch_size=4, sampler=sampler)


def run_rank(rank, port, folder, function, arguments):
    torch.seed()  # forked ranks start with one random state
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": f"{rank}",
        "LOCAL_RANK": f"{rank % 2}",  # two nodes
        "LOCAL_WORLD_SIZE": "2",
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
    """Return LOCAL_RANK, and the samples of an epoch on this rank."""
    samples = torch.cat([batch for (batch,) in make_loader()])
    return os.environ["LOCAL_RANK"], samples.tolist()


def on_no_rank(ranks):
    return 32 - len({sample for _, samples in ranks for sample in samples})


if __name__ == "__main__":
    by_local_rank = on_ranks(read, broken)
    print(f"broken: {on_no_rank(by_local_rank)} of 32 samples on no rank")
    assert on_no_rank(by_local_rank) == 16

# %%
# Why
# ---
# On two nodes, the numbers are 0, 1, 0 and 1. The sampler makes four parts and gives out
# the first two, each of them twice. One node alone is right, so a test on one machine
# shows nothing.

if __name__ == "__main__":
    print("LOCAL_RANK of ranks 0 to 3:", [rank for rank, _ in by_local_rank])
    assert [rank for rank, _ in by_local_rank] == ["0", "1", "0", "1"]
    assert by_local_rank[0] == by_local_rank[2]
    assert by_local_rank[1] == by_local_rank[3]

# %%
# The fix
# -------
# Use the rank among all processes. Only ``torch.cuda.set_device`` needs ``LOCAL_RANK``.


def fixed():
    sampler = DistributedSampler(
        dataset,
        num_replicas=torch.distributed.get_world_size(),
        rank=torch.distributed.get_rank(),
    )
    return DataLoader(dataset, batch_size=4, sampler=sampler)


if __name__ == "__main__":
    by_rank = on_ranks(read, fixed)
    print(f"fixed: {on_no_rank(by_rank)} of 32 samples on no rank")
    assert on_no_rank(by_rank) == 0

# %%
# Without the two arguments, the sampler asks the process group. It raises an error before
# the group exists. Code that answers 0 instead hides the mistake: all ranks become rank 0.


def rank_or_0():
    if torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return 0


if __name__ == "__main__":
    message = ""
    try:
        DistributedSampler(dataset)
    except (RuntimeError, ValueError) as error:
        message = str(error)
    print("before init_process_group:", message)
    assert "has not been initialized" in message
    assert rank_or_0() == 0

# %%
# The group does not exist in workers that are started by spawn or forkserver, either. Ask
# for the rank where you make the dataset, and store it, or read the variable ``RANK``.


class AsksInWorker(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return rank_or_0(), int(os.environ["RANK"])


def ask_in_worker():
    """Return what a worker of rank 3 says."""
    if torch.distributed.get_rank() != 3:
        return None
    loader = DataLoader(
        AsksInWorker(),
        batch_size=None,
        num_workers=1,
        multiprocessing_context="forkserver",
    )
    return next(iter(loader))


if __name__ == "__main__":
    *_, (from_group, from_variable) = on_ranks(ask_in_worker)
    print("asked in a worker of rank 3:", from_group)
    print("RANK:", from_variable)
    assert (from_group, from_variable) == (0, 3)

# %%
# Proof
# -----
# Each square is a sample that a rank reads in one epoch. Columns without a square are on
# no rank.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 4.6), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, (_, samples) in enumerate(ranks):
            ax.scatter(samples, [rank] * len(samples), marker="s", s=90)
        ax.set(title=name, xticks=range(0, 32, 4), ylim=(3.6, -0.6))
        ax.set_yticks(range(4), [f"rank {rank}" for rank in range(4)])
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=by_local_rank, fixed=by_rank)

# %%
# Find it in your code
# --------------------
# Print ``sampler.rank`` on every rank: each number from 0 to ``num_replicas - 1`` comes
# once. The lint finds ``LOCAL_RANK`` in a sampler: ``python -m dejabatch lint train.py``.


def part_of_rank(make_loader):
    sampler = make_loader().sampler
    return sampler.rank, sampler.num_replicas


# %%
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank, or start the audit with the command of your program: ``torchrun ... -m dejabatch
# audit train:make_loader``.

import dejabatch


def audit_both():
    parts = part_of_rank(broken), part_of_rank(fixed)
    reports = dejabatch.audit(broken), dejabatch.audit(fixed)
    slugs = [f.slug for f in reports[0].findings]
    return parts, str(reports[0]), slugs, reports[1].ok


if __name__ == "__main__":
    ranks = on_ranks(audit_both)
    parts, text, slugs, fixed_is_ok = ranks[2]
    print("rank 2 has part", parts[0][0], "of", parts[0][1])
    print(text)
    assert parts == ((0, 4), (2, 4))
    assert slugs == ["wrong-rank"]
    assert fixed_is_ok

# %%
# See also
# --------
# * All ranks read everything: :doc:`/gallery/6_ranks/plot_no_distributed_sampler`.
# * Ranks of one model must read the same:
#   :doc:`/gallery/6_ranks/plot_model_parallel_ranks_differ`.
# * Start methods of workers: :doc:`/gallery/explanations/plot_start_methods`.
