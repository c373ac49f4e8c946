# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
GPUs share samples although DistributedSampler splits the indices
=================================================================

A sampler splits positions. The ranks must agree on what is at each position.

* **You see:** The indices of two ranks have nothing in common, and the samples have:
  some are on both ranks and others on none.
* **Because:** The ranks have their samples in different orders, or their samplers have
  different seeds.
* **Do:** Sort the files, and give the shuffle, the split and the sampler the same seed
  on all ranks.
"""

# %%
# See it happen
# -------------
# Two ranks read 48 files. Each rank shuffles the list of files when it makes the dataset,
# and ``DistributedSampler`` splits the indices.

# sphinx_gallery_tags = ["same across ranks", "missing samples", "random.shuffle"]
# sphinx_gallery_parallel = False

import os
import random
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    random_split,
)

RANKS = 2


class Files(Dataset):
    def __init__(self):
        self.numbers = list(range(48))
        random.shuffle(self.numbers)

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        return self.numbers[index]


def broken():
    dataset = Files()
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=8, sampler=sampler)


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
    """Return the indices and the files of an epoch on this rank."""
    loader = make_loader()
    return list(loader.sampler), torch.cat(list(loader)).tolist()


def compare(ranks):
    """Return how many indices, and how many files, are on both ranks."""
    return [
        len(set(zero) & set(one)) for zero, one in zip(*ranks, strict=True)
    ]


if __name__ == "__main__":
    shuffled = on_ranks(read, broken)
    indices, files = compare(shuffled)
    print(f"broken: {indices} indices and {files} files of 48 on both ranks")
    assert indices == 0
    assert files > 0

# %%
# Why
# ---
# The indices are disjoint. Index 5 is one file on rank 0, and another on rank 1,
# because each process shuffles with a random state of its own. As many files
# are on both ranks as on none.
#
# ``os.listdir`` and ``glob`` return files in an order that may differ between machines.
# The order of a ``set`` of strings differs between processes.

if __name__ == "__main__":
    on_none = 48 - len({file for _, files in shuffled for file in files})
    print(on_none, "files are on no rank")
    assert on_none == compare(shuffled)[1]

# %%
# The fix
# -------
# Sort the files, and shuffle them by a seed that all ranks share. The generator belongs to
# the dataset, so other draws of a rank do not move it.


class SameFiles(Files):
    def __init__(self):
        self.numbers = list(range(48))
        random.Random(0).shuffle(self.numbers)


def fixed():
    dataset = SameFiles()
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=8, sampler=sampler)


if __name__ == "__main__":
    agreed = on_ranks(read, fixed)
    indices, files = compare(agreed)
    print(f"fixed: {indices} indices and {files} files of 48 on both ranks")
    assert (indices, files) == (0, 0)

# %%
# A sampler whose seed contains the rank, and an unseeded ``random_split``, have the same
# effect.


def seeded_by_rank():
    dataset = SameFiles()
    sampler = DistributedSampler(dataset, seed=torch.distributed.get_rank())
    return DataLoader(dataset, batch_size=8, sampler=sampler)


def split_by_each_rank():
    training, _ = random_split(SameFiles(), [40, 8])
    sampler = DistributedSampler(training, shuffle=False)
    return DataLoader(training, batch_size=8, sampler=sampler)


def read_each(*makers):
    return [read(make_loader) for make_loader in makers]


if __name__ == "__main__":
    makers = seeded_by_rank, split_by_each_rank
    for make, *ranks in zip(
        makers, *on_ranks(read_each, *makers), strict=True
    ):
        files = compare(ranks)[1]
        print(f"{make.__name__}: {files} files are on both ranks")
        assert files > 0

# %%
# To make a list on one rank only, send it to the others:
# ``torch.distributed.broadcast_object_list``.

# %%
# Proof
# -----
# Each square is a file that a rank reads in one epoch. Columns with two squares are on both
# ranks, and empty columns are on none.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.4), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, (_, files) in enumerate(ranks):
            ax.scatter(files, [rank] * len(files), marker="s", s=45)
        ax.set(title=name, xticks=range(0, 48, 8), ylim=(1.6, -0.6))
        ax.set_yticks([0, 1], ["rank 0", "rank 1"])
    axes[1].set_xlabel("file")
    plt.show()


if __name__ == "__main__":
    plot(broken=shuffled, fixed=agreed)

# %%
# Find it in your code
# --------------------
# Compare ``dataset[0]`` or a hash of the list of files on all ranks.


def same_on_all_ranks(value):
    everyone = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, value)
    return all(other == value for other in everyone)


# %%
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank. It compares some samples of all datasets, and the samples that the ranks read.

import dejabatch


def audit_both():
    same = [
        same_on_all_ranks(make().dataset.numbers) for make in (broken, fixed)
    ]
    reports = dejabatch.audit(broken), dejabatch.audit(fixed)
    slugs = [f.slug for f in reports[0].findings]
    return same, str(reports[0]), slugs, reports[1].ok


if __name__ == "__main__":
    (same, text, slugs, fixed_is_ok), _ = on_ranks(audit_both)
    print("same files on all ranks, broken and fixed:", same)
    print(text)
    assert same == [False, True]
    assert "ranks-disagree" in slugs
    assert fixed_is_ok

# %%
# See also
# --------
# * Training and validation share samples:
#   :doc:`/gallery/3_order/plot_samples_in_both_loaders`.
# * Half of the samples are on no rank: :doc:`/gallery/6_ranks/plot_data_split_twice`.
# * Two nodes read the same: :doc:`/gallery/6_ranks/plot_wrong_rank`.
