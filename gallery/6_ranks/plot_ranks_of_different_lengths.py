# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
DDP hangs at the end of the epoch
=================================

Ranks average gradients after each batch, so all need the same number of batches.

* **You see:** One rank has a batch more than the others, waits for their gradients, and
  fails when the timeout is over.
* **Because:** The parts of the ranks have different sizes, as with shards or streams of
  different lengths.
* **Do:** Give all ranks the same number of batches: drop the surplus, repeat samples,
  or train inside ``torch.distributed.algorithms.Join``.
"""

# %%
# See it happen
# -------------
# Two ranks train a model with ``DistributedDataParallel``. There are five shards of four
# samples: rank 0 gets three of the shards, and rank 1 gets two. The timeout is 5 seconds
# here, and 30 minutes by default.

# sphinx_gallery_tags = ["hang", "NCCL timeout", "IterableDataset"]
# sphinx_gallery_parallel = False

import datetime
import itertools
import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from torch.distributed.algorithms import Join
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, IterableDataset

RANKS = 2


class Shards(IterableDataset):
    def __init__(self):
        self.rank = torch.distributed.get_rank()

    def __iter__(self):
        for shard in range(5)[self.rank :: RANKS]:
            yield from torch.arange(4.0 * shard, 4.0 * shard + 4)


def broken():
    return DataLoader(Shards(), batch_size=4)


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


def train(make_loader, seconds=300, join=False):
    """Return the batches that this rank trained on, and its error."""
    timeout = datetime.timedelta(seconds=seconds)
    group = torch.distributed.new_group(timeout=timeout)
    model = torch.nn.Linear(1, 1)
    model = DistributedDataParallel(model, process_group=group)
    batches, error = [], "no error"
    try:
        with Join([model], enable=join):
            for batch in make_loader():
                model(batch[:, None]).mean().backward()
                batches.append(batch.tolist())
        torch.distributed.barrier(group)
    except RuntimeError as raised:
        error = str(raised)
    return batches, error


if __name__ == "__main__":
    uneven = on_ranks(train, broken, 5)
    (zero, error), (one, _) = uneven
    print("broken:", error.split("] ")[-1][:55])
    assert error != "no error"
    assert [len(zero), len(one)] == [2, 2]

# %%
# Why
# ---
# In ``backward``, each rank sends its gradients and waits for those of the others. Rank 1
# has no third batch. Rank 0 waits for gradients that no rank computes, and the message
# names neither the loader nor the rank that has ended.
#
# Parts differ if the number of shards is not divisible, if shards have different sizes, or
# if a filter or a length bucket drops samples.


def count_batches(make_loader):
    return len(list(make_loader()))


if __name__ == "__main__":
    numbers = on_ranks(count_batches, broken)
    print("batches of ranks 0 and 1:", numbers)
    assert numbers == [3, 2]

# %%
# The fix
# -------
# Drop the surplus: every rank stops after the number of samples that each of them has.
# Shuffle the shards in each epoch, so that other samples are dropped each time.


class EvenShards(Shards):
    def __iter__(self):
        samples_of_each = 5 // RANKS * 4
        return itertools.islice(super().__iter__(), samples_of_each)


def fixed():
    return DataLoader(EvenShards(), batch_size=4)


if __name__ == "__main__":
    even = on_ranks(train, fixed)
    print("fixed:", *{error for _, error in even})
    assert [error for _, error in even] == ["no error", "no error"]
    assert [len(batches) for batches, _ in even] == [2, 2]

# %%
# ``Join`` keeps all samples. A rank that has ended answers the others without a batch. In Accelerate, use ``accelerator.join_uneven_inputs``.

if __name__ == "__main__":
    joined = on_ranks(train, broken, 300, True)
    print("with Join:", [len(batches) for batches, _ in joined], "batches")
    assert [len(batches) for batches, _ in joined] == [3, 2]
    assert [error for _, error in joined] == ["no error", "no error"]

# %%
# If the sizes are unknown, count first, and let all ranks agree on the smallest number
# of batches.


def smallest_number_of_batches(make_loader):
    number = torch.tensor(count_batches(make_loader))
    torch.distributed.all_reduce(number, torch.distributed.ReduceOp.MIN)
    return int(number)


if __name__ == "__main__":
    numbers = on_ranks(smallest_number_of_batches, broken)
    print("all ranks may train on", numbers[0], "batches")
    assert numbers == [2, 2]

# %%
# Proof
# -----
# Each bar is a batch, with its samples. Rank 0 waits for gradients, and rank 1 for the end
# of the epoch, until the timeout.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.4), sharex=True, layout="constrained"
    )
    middle = {"ha": "center", "va": "center"}
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, (batches, error) in enumerate(ranks):
            for step, batch in enumerate(batches):
                ax.barh(rank, 0.95, left=step + 0.025, height=0.6, color="C0")
                text = f"{batch[0]:g} to {batch[-1]:g}"
                ax.text(step + 0.5, rank, text, color="white", **middle)
            if error != "no error":
                ax.text(len(batches) + 0.5, rank, "waits", **middle)
        ax.set(title=name, xlim=(0, 3), ylim=(1.5, -0.5))
        ax.set_yticks([0, 1], ["rank 0", "rank 1"])
        ax.set_xticks([0.5, 1.5, 2.5], ["0", "1", "2"])
    axes[1].set_xlabel("batch")
    plt.show()


if __name__ == "__main__":
    plot(broken=uneven, fixed=even)

# %%
# Find it in your code
# --------------------
# Count the batches on each rank with ``count_batches``. Or call ``dejabatch.audit`` on
# every rank.

import dejabatch


def audit_both():
    report = dejabatch.audit(broken)
    slugs = [f.slug for f in report.findings]
    return str(report), slugs, dejabatch.audit(fixed).ok


if __name__ == "__main__":
    (text, slugs, fixed_is_ok), _ = on_ranks(audit_both)
    print(text)
    assert slugs == ["ranks-of-different-lengths"]
    assert fixed_is_ok

# %%
# See also
# --------
# * Padding makes parts equal, and a metric wrong:
#   :doc:`/gallery/6_ranks/plot_padded_evaluation`.
# * A worker without a shard: :doc:`/gallery/4_streaming/plot_stream_not_split_by_rank`.
