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
The metric changes with the number of GPUs
==========================================

Ranks with equal numbers of samples need copies, and the metric counts the copies.

* **You see:** An evaluation of 10 samples on three ranks counts 12, because some
  samples are on two ranks.
* **Because:** ``DistributedSampler`` and ``accelerator.prepare`` repeat the first
  samples, so that all ranks have the same number.
* **Do:** Evaluate unpadded parts, ``Subset(dataset, range(rank, len(dataset),
  world_size))``, or drop the repeated samples after gathering, as
  ``accelerator.gather_for_metrics`` does.
"""

# %%
# See it happen
# -------------
# Three ranks evaluate ten samples. The model is wrong on the first two, so its accuracy
# is 80 %. Each rank counts its own answers, and the ranks add their counts.

# sphinx_gallery_tags = ["repeated samples", "DistributedSampler", "evaluation"]
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

RANKS = 3
dataset = TensorDataset(torch.arange(10))


def broken():
    sampler = DistributedSampler(dataset, shuffle=False)
    return DataLoader(dataset, batch_size=2, sampler=sampler)


def is_right(batch):
    """Return whether the model is right about each sample."""
    return batch >= 2


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


def evaluate(make_loader):
    """Return the samples of this rank, and the accuracy of all ranks."""
    samples = torch.cat([batch for (batch,) in make_loader()])
    counts = torch.tensor([is_right(samples).sum(), len(samples)])
    torch.distributed.all_reduce(counts)
    right, number = counts.tolist()
    return samples.tolist(), f"{right} of {number} right, {right / number:.0%}"


if __name__ == "__main__":
    padded = on_ranks(evaluate, broken)
    print("broken:", padded[0][1])
    assert padded[0][1] == "8 of 12 right, 67%"

# %%
# Why
# ---
# Ten samples are not divisible by three. ``DistributedSampler`` appends the first two
# once more, so that every rank has four. The ranks then run the same number of steps, as
# training needs. Training hardly notices a sample that comes twice, but a metric does.
#
# ``drop_last=True`` leaves samples out instead.


def cut():
    sampler = DistributedSampler(dataset, shuffle=False, drop_last=True)
    return DataLoader(dataset, batch_size=2, sampler=sampler)


if __name__ == "__main__":
    _, cut_accuracy = on_ranks(evaluate, cut)[0]
    print("drop_last:", cut_accuracy)
    assert cut_accuracy == "7 of 9 right, 78%"

# %%
# The fix
# -------
# Evaluate parts without padding. The parts have four, three and three samples, so call no
# collective inside the loop: add the counts once, after the loop.


def fixed():
    rank = torch.distributed.get_rank()
    ranks = torch.distributed.get_world_size()
    part = Subset(dataset, range(rank, len(dataset), ranks))
    return DataLoader(part, batch_size=2)


if __name__ == "__main__":
    unpadded = on_ranks(evaluate, fixed)
    print("fixed:", unpadded[0][1])
    assert unpadded[0][1] == "8 of 10 right, 80%"

# %%
# Accelerate repeats samples, too. ``gather_for_metrics`` drops the copies, and ``gather``
# keeps them.


def with_accelerate(even_batches):
    settings = DataLoaderConfiguration(even_batches=even_batches)
    accelerator = Accelerator(cpu=True, dataloader_config=settings)
    loader = accelerator.prepare(DataLoader(dataset, batch_size=2))
    own, kept, dropped = 0, 0, 0
    for (batch,) in loader:
        own += len(batch)
        if even_batches:  # else the last gather would wait for ever
            kept += len(accelerator.gather(batch))
            dropped += len(accelerator.gather_for_metrics(batch))
    return own, kept, dropped


if __name__ == "__main__":
    for even_batches in (True, False):
        ranks = on_ranks(with_accelerate, even_batches)
        own = [rank[0] for rank in ranks]
        _, kept, dropped = ranks[0]
        print(f"{even_batches=}: {own} samples on the ranks")
        if even_batches:
            print(f"gather: {kept}, gather_for_metrics: {dropped}")
            assert (own, kept, dropped) == ([4, 4, 4], 12, 10)
        else:
            assert sum(own) == 10

# %%
# ``Trainer.evaluate`` uses ``gather_for_metrics``. Lightning warns, and pads: evaluate
# there with ``Trainer(devices=1)``, or with ``use_distributed_sampler=False`` and parts as
# above. :doc:`/gallery/explanations/plot_what_ranks_share` runs both.

# %%
# Proof
# -----
# Each square is a sample that a rank evaluates. Samples 0 and 1 count twice.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 4), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, (samples, _) in enumerate(ranks):
            ax.scatter(samples, [rank] * len(samples), marker="s", s=130)
        ax.set(title=f"{name}: {ranks[0][1]}", xticks=range(10))
        ax.set(yticks=range(3), ylim=(2.6, -0.6))
        ax.set_yticklabels([f"rank {rank}" for rank in range(3)])
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=padded, fixed=unpadded)

# %%
# Find it in your code
# --------------------
# Add the samples of all ranks, and compare the sum with ``len(dataset)``.

if __name__ == "__main__":
    for name, ranks in (("broken", padded), ("fixed", unpadded)):
        number = sum(len(samples) for samples, _ in ranks)
        print(f"{name}: {number} samples for {len(dataset)}")
        assert (number == len(dataset)) == (name == "fixed")

# %%
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank. It takes a loader in ascending order for one of evaluation. For another order,
# pass ``Expect(deterministic=True)``.

import dejabatch


def audit_both():
    report = dejabatch.audit(broken)
    slugs = [f.slug for f in report.findings]
    return str(report), slugs, dejabatch.audit(fixed).ok


if __name__ == "__main__":
    (text, slugs, fixed_is_ok), *_ = on_ranks(audit_both)
    print(text)
    assert slugs == ["padded-evaluation"]
    assert fixed_is_ok

# %%
# See also
# --------
# * One rank has a batch more and waits:
#   :doc:`/gallery/6_ranks/plot_ranks_of_different_lengths`.
# * ``drop_last`` loses samples on one process, too:
#   :doc:`/gallery/3_order/plot_drop_last`.
