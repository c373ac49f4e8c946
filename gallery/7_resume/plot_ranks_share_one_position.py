# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
After a restart every rank reads rank 0's documents
===================================================

A distributed checkpoint keeps one value for each key, not one for each rank.

* **You see:** After a restart from a distributed checkpoint, all ranks continue with the
  documents of one rank.
* **Because:** All ranks save their loader's state under one key, so that the checkpoint
  keeps one of them.
* **Do:** Save each rank's loader state under a key that has the rank, such as
  ``f"dataloader_{rank}"``.
"""

# %%
# See it happen
# -------------
# Two ranks read a stream of 48 documents: rank 0 the even ones, rank 1 the odd ones. The
# state is the number of the next document. ``torch.distributed.checkpoint`` saves it after
# each step. Both ranks are killed after step 4, and started again.

# sphinx_gallery_tags = ["resume", "same across ranks", "torch.distributed"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["one_key", "key_of_rank"]

import functools
import os
import signal
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.distributed.checkpoint
import torch.multiprocessing
from torch.utils.data import DataLoader, IterableDataset

RANKS, DOCUMENTS, STOP = 2, 48, 4


class Documents(IterableDataset):
    def __init__(self, rank):
        self.next = rank

    def __iter__(self):
        while self.next < DOCUMENTS:
            number = self.next
            self.next += RANKS
            yield number

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next = state["next"]


def one_key(rank):
    return "dataloader"


def train(key_of, folder, trained_on):
    rank = torch.distributed.get_rank()
    key, checkpoint = key_of(rank), Path(folder, "checkpoint")
    documents = Documents(rank)
    if checkpoint.exists():
        saved = {key: documents.state_dict()}  # load() fills in the values
        torch.distributed.checkpoint.load(saved, checkpoint_id=checkpoint)
        documents.load_state_dict(saved[key])
    torch.distributed.barrier()  # else a slow rank finds the next checkpoint
    for batch in DataLoader(documents, batch_size=3):
        saved = {key: documents.state_dict()}
        torch.distributed.checkpoint.save(saved, checkpoint_id=checkpoint)
        trained_on(batch)


broken = functools.partial(train, one_key)


def run_rank(rank, program, folder, stop, store):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=RANKS
    )
    log = Path(folder, f"rank-{rank}.txt")

    def trained_on(batch):
        with log.open("a") as file:
            print(*batch.tolist(), file=file)
        if len(log.read_text().splitlines()) == stop:
            torch.distributed.barrier()
            os.kill(os.getpid(), signal.SIGKILL)

    program(folder, trained_on)
    torch.distributed.destroy_process_group()


def run(program, folder, stop=None):
    """Run the program on all ranks, and return their exit codes."""
    with tempfile.TemporaryDirectory() as store:
        ranks = [
            torch.multiprocessing.get_context("fork").Process(
                target=run_rank,
                args=(rank, program, folder, stop, f"{store}/store"),
            )
            for rank in range(RANKS)
        ]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
    return [process.exitcode for process in ranks]


def kill_and_resume(program):
    """Return the documents of each step of each rank."""
    with tempfile.TemporaryDirectory() as folder:
        assert run(program, folder, STOP) == [-signal.SIGKILL] * RANKS
        assert run(program, folder) == [0] * RANKS
        logs = sorted(Path(folder).glob("rank-*.txt"))
        lines = [log.read_text().splitlines() for log in logs]
    return [[[*map(int, line.split())] for line in one] for one in lines]


def flat(steps):
    return [document for step in steps for document in step]


def on_both_ranks(ranks):
    """Return the documents that both ranks read after the restart."""
    zero, one = (set(flat(steps[STOP:])) for steps in ranks)
    return zero & one


if __name__ == "__main__":
    shared = kill_and_resume(broken)
    print(
        "broken:", len(on_both_ranks(shared)), "of 24 documents on both ranks"
    )
    assert len(on_both_ranks(shared)) == 12
    assert set(flat(shared[1][STOP:])) == set(range(24, 48, 2))

# %%
# Why
# ---
# ``torch.distributed.checkpoint`` writes a parallel model. It splits a sharded tensor over
# the ranks' files. It takes any other value to be the same on all ranks, and stores the
# first. Nothing warns that rank 1 had another value. After the restart, rank 1 loads the
# number of an even document, and its twelve odd documents are never read.
#
# Users met the same in `pytorch/torchtitan#291
# <https://github.com/pytorch/torchtitan/issues/291>`_, and with Accelerate's one file for
# stateful loaders in `huggingface/accelerate#3080
# <https://github.com/huggingface/accelerate/issues/3080>`_.

# %%
# The fix
# -------
# Put the rank into the key. With model parallelism, use the rank in the data dimension:
# ranks of one model read the same documents.


def key_of_rank(rank):
    return f"dataloader_{rank}"


fixed = functools.partial(train, key_of_rank)

if __name__ == "__main__":
    separate = kill_and_resume(fixed)
    print(
        "fixed:", len(on_both_ranks(separate)), "of 24 documents on both ranks"
    )
    assert on_both_ranks(separate) == set()
    everything = flat(separate[0] + separate[1])
    assert sorted(everything) == list(range(DOCUMENTS))

# %%
# Proof
# -----
# Each dot is a document at the step that a rank trained on it. After the kill, at the
# dashed line, rank 1 reads the documents of rank 0. Rings are documents that are never
# read.


def plot(shared, separate):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 3.4), sharey=True, layout="constrained"
    )
    for ax, name, ranks in (
        (axes[0], "broken", shared),
        (axes[1], "fixed", separate),
    ):
        for rank, (steps, marker) in enumerate(zip(ranks, "ox", strict=True)):
            pairs = [
                (n + rank / 3, d)
                for n, step in enumerate(steps, 1)
                for d in step
            ]
            ax.plot(
                *zip(*pairs, strict=True),
                marker,
                label=f"rank {rank}",
                markersize=5,
            )
        never = set(range(DOCUMENTS)) - set(flat(ranks[0] + ranks[1]))
        ax.plot(
            [11] * len(never), sorted(never), "o", color="C3", fillstyle="none"
        )
        ax.axvline(STOP + 0.67, linestyle="--", color="gray")
        ax.set(title=name, xlabel="step", xticks=[1, 4, 7, 11])
        ax.set_xticklabels(["1", "4", "7", "never"])
    axes[0].set(ylabel="document")
    axes[0].legend(loc="upper left")
    plt.show()


if __name__ == "__main__":
    plot(shared, separate)

# %%
# Find it in your code
# --------------------
# ``dejabatch.testing.assert_run_resumable`` stops and resumes your program on two ranks,
# and compares what they read. The program takes a folder for its checkpoints, and a
# function to call after each step.

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.testing import assert_run_resumable

if __name__ == "__main__":
    options = {"world_size": RANKS, "epochs": 2, "at": [STOP]}
    message = ""
    try:
        assert_run_resumable(broken, key=torch.Tensor.tolist, **options)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert FAILURE_MODES["ranks-share-one-position"].title in message
    assert_run_resumable(fixed, key=torch.Tensor.tolist, **options)

# %%
# See also
# --------
# * All ranks read the whole stream, without a restart:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_rank`.
# * One process resumes at the wrong place:
#   :doc:`/gallery/7_resume/plot_mid_epoch_resume`.
# * PyTorch's manual of `distributed checkpoints
#   <https://docs.pytorch.org/docs/stable/distributed.checkpoint.html>`_.
