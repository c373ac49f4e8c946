# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "accelerate",
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
#   "transformers",
# ]
# ///
"""
Every GPU gets the same samples from an IterableDataset
=======================================================

A loader knows its own workers but not the other ranks.

* **You see:** More GPUs do not shorten an epoch: all ranks read the same samples.
* **Because:** The stream is split between the workers of a rank, but not between the
  ranks.
* **Do:** Give worker w of rank r every n-th item: ``islice(items, r * num_workers + w,
  None, world_size * num_workers)``. In Accelerate and Hugging Face's ``Trainer``, split
  by worker only.
"""

# %%
# See it happen
# -------------
# A stream has eight shards with three samples each. The dataset splits the shards between
# the workers of its loader. Two processes of ``torch.distributed`` read the stream, with
# two workers each, and count the samples.

# sphinx_gallery_tags = ["same across ranks", "repeated samples", "IterableDataset"]
# sphinx_gallery_parallel = False

import functools
import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from accelerate import Accelerator
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

RANKS = 2


class Shards(IterableDataset):
    def __init__(self, rank, world_size, shards=8):
        self.rank = rank
        self.world_size = world_size
        self.shards = range(shards)

    def read(self, part, parts):
        for shard in self.shards[part::parts]:
            yield from range(3 * shard, 3 * shard + 3)


class ByWorker(Shards):
    def __iter__(self):
        info = get_worker_info()
        worker, workers = (
            (0, 1) if info is None else (info.id, info.num_workers)
        )
        return self.read(worker, workers)


def load(dataset):
    return DataLoader(
        dataset,
        batch_size=3,
        num_workers=2,
        multiprocessing_context="fork",  # as the ranks below
    )


broken = tuple(load(ByWorker(rank, RANKS)) for rank in range(RANKS))


def run_rank(rank, port, folder, function, arguments):
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
            start_method="fork",
        )
        return [torch.load(f"{folder}/{rank}") for rank in range(RANKS)]


def count(make_dataset):
    """Return how often this rank reads each sample."""
    rank = torch.distributed.get_rank()
    world_size = torch.distributed.get_world_size()
    samples = torch.cat(list(load(make_dataset(rank, world_size))))
    return torch.bincount(samples, minlength=24)


def read_on_all_ranks(make_dataset):
    """Return how often each rank reads each sample."""
    return torch.stack(on_ranks(count, make_dataset))


if __name__ == "__main__":
    by_worker = read_on_all_ranks(ByWorker)
    both = int((by_worker.sum(dim=0) == 2).sum())
    print("broken:", both, "of 24 samples are read by both ranks")
    assert (by_worker == 1).all()  # both ranks read every sample

# %%
# Why
# ---
# ``get_worker_info()`` numbers the workers of one loader. The loader of the second rank has
# a worker with the same number, which reads the same shards. Splitting by rank only is not
# enough: all workers of a rank then read the same part.


class ByRank(Shards):
    def __iter__(self):
        return self.read(self.rank, self.world_size)


if __name__ == "__main__":
    by_rank = read_on_all_ranks(ByRank)
    for rank, times in enumerate(by_rank.tolist()):
        print(f"rank {rank}:", times)
    assert (by_rank.sum(dim=0) == 2).all()
    assert set(by_rank.flatten().tolist()) == {0, 2}
    alone = load(ByWorker(rank=0, world_size=1))
    assert [len(list(loader)) for loader in (*broken, alone)] == [8, 8, 8]

# %%
# The fix
# -------
# Number the workers of all ranks, and split by that number. Pass the rank to the dataset
# in the process that joined the process group.


class ByRankAndWorker(Shards):
    def __iter__(self):
        info = get_worker_info()
        worker, workers = (
            (0, 1) if info is None else (info.id, info.num_workers)
        )
        part = self.rank * workers + worker
        parts = self.world_size * workers
        return self.read(part, parts)


fixed = tuple(load(ByRankAndWorker(rank, RANKS)) for rank in range(RANKS))

if __name__ == "__main__":
    by_rank_and_worker = read_on_all_ranks(ByRankAndWorker)
    both = int((by_rank_and_worker.sum(dim=0) == 2).sum())
    print("fixed:", both, "of 24 samples are read by both ranks")
    assert (by_rank_and_worker.sum(dim=0) == 1).all()
    assert by_rank_and_worker.sum(dim=1).tolist() == [12, 12]
    assert [len(list(loader)) for loader in fixed] == [4, 4]

# %%
# The number of shards should be a multiple of the number of workers on all ranks. With
# three shards for four workers, one worker is idle. Its rank gets half the samples of the
# other rank.

if __name__ == "__main__":
    few = read_on_all_ranks(functools.partial(ByRankAndWorker, shards=3))
    print("samples of each rank:", few.sum(dim=1).tolist())
    assert few.sum(dim=1).tolist() == [6, 3]

# %%
# ``dejabatch.shard`` splits any iterable in the same way, and gets the rank from
# ``torch.distributed``.

import dejabatch


def sharded(_rank, _world_size):
    return dejabatch.shard(range(24))


if __name__ == "__main__":
    by_shard = read_on_all_ranks(sharded)
    assert (by_shard.sum(dim=0) == 1).all()
    assert by_shard.sum(dim=1).tolist() == [12, 12]

# %%
# In Accelerate and ``Trainer``, split by worker only. Both split between the ranks
# themselves. There, a dataset that splits nothing gives each rank the samples of one
# worker, and both workers read all samples. The fix above loses half of the samples.
# ``dejabatch.shard(items, ranks=False)`` splits by worker only.


class Whole(Shards):
    def __iter__(self):
        return self.read(0, 1)


def in_accelerate(dataset):
    return Accelerator(cpu=True).prepare(load(dataset))


def in_trainer(dataset):
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            use_cpu=True,
            max_steps=1,  # a stream has no length
            per_device_train_batch_size=3,
            dataloader_num_workers=2,
            report_to=[],
        )
        options = {"train_dataset": dataset, "data_collator": torch.tensor}
        trainer = Trainer(torch.nn.Linear(1, 1), arguments, **options)
        return trainer.get_train_dataloader()


def sharded_by_worker(_rank, _world_size):
    return dejabatch.shard(range(24), ranks=False)


MAKERS = Whole, ByRankAndWorker, ByWorker, sharded_by_worker


def count_in(framework):
    ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    read = [list(framework(make_dataset(*ranks))) for make_dataset in MAKERS]
    return [torch.bincount(torch.cat(some), minlength=24) for some in read]


if __name__ == "__main__":
    import transformers

    print("transformers", transformers.__version__)
    for framework in (in_accelerate, in_trainer):
        print(framework.__name__)
        ranks = zip(*on_ranks(count_in, framework), strict=True)
        for make_dataset, (zero, one) in zip(MAKERS, ranks, strict=True):
            both = int(((zero > 0) & (one > 0)).sum())
            lost = int((zero + one == 0).sum())
            name = make_dataset.__name__
            print(f"  {name}: {both} of 24 on both ranks, {lost} on none")
            expected = {Whole: (24, 0), ByRankAndWorker: (0, 12)}
            assert (both, lost) == expected.get(make_dataset, (0, 0))

# %%
# Proof
# -----
# The bars show which rank reads each sample in one epoch. One rank is right.


def plot(by_worker, by_rank, by_rank_and_worker):
    _, axes = plt.subplots(
        1, 3, figsize=(8, 3), sharey=True, layout="constrained"
    )
    for ax, name, (zero, one) in (
        (axes[0], "broken", by_worker),
        (axes[1], "also broken", by_rank),
        (axes[2], "fixed", by_rank_and_worker),
    ):
        ax.bar(range(24), zero, width=1, label="rank 0")
        ax.bar(
            range(24), one, bottom=zero, width=1, label="rank 1", hatch="//"
        )
        ax.set(title=name, xlabel="sample", yticks=range(3), ylim=(0, 3.4))
    axes[0].set(ylabel="times")
    axes[2].legend(loc="upper center", ncols=2, frameon=False)
    plt.show()


if __name__ == "__main__":
    plot(by_worker, by_rank, by_rank_and_worker)

# %%
# Find it in your code
# --------------------
# Create the loaders of two ranks in one process, and count the samples in common. No
# sample should be missing.


def samples(loader):
    return torch.cat(list(loader)).tolist()


def in_common(loaders):
    zero, one = map(samples, loaders)
    return len(set(zero) & set(one)), len(zero) + len(one)


if __name__ == "__main__":
    of_broken, of_fixed = in_common(broken), in_common(fixed)
    for name, (common, read) in (("broken", of_broken), ("fixed", of_fixed)):
        print(f"{name}: {common} samples in common, {read} samples read")
    assert of_broken == (24, 48)
    assert of_fixed == (0, 24)

# %%
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank. In one process, ``dejabatch.compare`` reads the loaders of two ranks.


def audit_both():
    rank = torch.distributed.get_rank()
    report = dejabatch.audit(broken[rank])
    found = [(f.slug, f.where) for f in report.findings]
    return str(report), found, dejabatch.audit(fixed[rank]).ok


if __name__ == "__main__":
    (text, found, fixed_is_ok), _ = on_ranks(audit_both)
    print(text)
    assert found == [("stream-not-split-by-rank", "dataset.__iter__")]
    assert fixed_is_ok

    report = dejabatch.compare(*broken)
    assert [(f.slug, f.where) for f in report.findings] == found
    assert dejabatch.compare(*fixed).ok

# %%
# See also
# --------
# * All workers of one rank read the same samples:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * The ranks read different samples but augment them in the same way:
#   :doc:`/gallery/6_ranks/plot_ranks_augment_alike`.
# * A sampler splits a map-style dataset between ranks: :ref:`part-for-each-rank`.
# * Ranks with different numbers of batches wait for each other:
#   :doc:`/gallery/6_ranks/plot_ranks_of_different_lengths`.
