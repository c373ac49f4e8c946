# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "datasets",
#   "matplotlib",
#   "torch",
# ]
# ///
"""
A resumed stream skips the samples in its shuffle buffer
========================================================

The state of a stream says what was read, and not what was trained on.

* **You see:** A resumed stream with a shuffle buffer repeats a few samples and never yields
  others.
* **Because:** The state has the position in the files. The samples that wait in the shuffle
  buffer are lost, and the buffer fills again from that position.
* **Do:** Shuffle shards and blocks by seed and epoch instead of a buffer, or repeat the
  epoch from its start and skip what was read.
"""

# %%
# See it happen
# -------------
# A stream of Hugging Face ``datasets`` has four shards with 50 samples each, and a shuffle
# buffer of 20. A program stores the stream's ``state_dict()`` in its checkpoint. It is
# killed after step 10 of 50, and started again.

# sphinx_gallery_tags = ["resume", "IterableDataset", "missing samples"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["load_state", "read_again"]

import functools
import itertools
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import datasets
import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader

SAMPLES, STOP = 200, 10


def load(stream):
    return DataLoader(stream, batch_size=4)


def make_loader():
    rows = datasets.Dataset.from_dict({"number": list(range(SAMPLES))})
    stream = rows.to_iterable_dataset(num_shards=4)
    return load(stream.shuffle(seed=0, buffer_size=20))


def load_state(stream, saved):
    stream.load_state_dict(saved["stream"])
    return load(stream)


def train(rest_of_epoch, folder, trained_on):
    stream = make_loader().dataset
    checkpoint = Path(folder, "checkpoint.pt")
    saved = torch.load(checkpoint) if checkpoint.exists() else None
    for epoch in range(saved["epoch"] if saved else 0, 2):
        stream.set_epoch(epoch)
        if saved:
            loader, done = rest_of_epoch(stream, saved), saved["batches"]
            saved = None
        else:
            loader, done = load(stream), 0
        for number, batch in enumerate(loader, done + 1):
            state = {"epoch": epoch, "batches": number}
            torch.save({**state, "stream": stream.state_dict()}, checkpoint)
            trained_on(batch["number"])


broken = functools.partial(train, load_state)


def write_or_die(folder, stop, batch):
    log = Path(folder, "trained.txt")
    with log.open("a") as file:
        print(*batch.tolist(), file=file)
    if len(log.read_text().splitlines()) == stop:
        os.kill(os.getpid(), signal.SIGKILL)


def run(program, folder, stop=None):
    """Run the program in a new process, and return its exit code."""
    trained_on = functools.partial(write_or_die, folder, stop)
    process = multiprocessing.Process(
        target=program, args=(folder, trained_on)
    )
    process.start()
    process.join()
    return process.exitcode


def flat(steps):
    return [sample for step in steps for sample in step]


def first_epoch(program):
    """Return the samples of each step; the second epoch has all samples."""
    with tempfile.TemporaryDirectory() as folder:
        assert run(program, folder, STOP) == -signal.SIGKILL
        assert run(program, folder) == 0
        lines = Path(folder, "trained.txt").read_text().splitlines()
    batches = [[int(word) for word in line.split()] for line in lines]
    assert sorted(flat(batches[-SAMPLES // 4 :])) == list(range(SAMPLES))
    return batches[: -SAMPLES // 4]


def again_and_never(batches):
    """Return how many samples come again, and how many never."""
    samples = flat(batches)
    different = len(set(samples))
    return len(samples) - different, SAMPLES - different


if __name__ == "__main__":
    lossy = first_epoch(broken)
    again, never = again_and_never(lossy)
    print(f"broken: {again} of 200 samples again, {never} never")
    print("datasets", datasets.__version__)
    assert never > 0

# %%
# Why
# ---
# A buffer of 20 samples yields a random one and takes the next from the files. The state
# has the position in the files, ahead of training. It has none of the 20 samples that were
# read and not yielded. ``datasets`` warns of a state "without the buffer content". Its
# authors discuss a state with the buffer in `datasets#8408
# <https://github.com/huggingface/datasets/pull/8408>`_, and samples that come twice in
# `datasets#7901 <https://github.com/huggingface/datasets/issues/7901>`_.
#
# The loss is about the size of the buffer, at each restart. Other libraries' buffers have
# no state at all.

# %%
# The fix
# -------
# Repeat the epoch from its start with the same seed, and skip the batches that were trained
# on. The price is time: the start of the epoch is read again.


def read_again(stream, saved):
    return itertools.islice(load(stream), saved["batches"], None)


fixed = functools.partial(train, read_again)

if __name__ == "__main__":
    exact = first_epoch(fixed)
    print(
        "fixed: {} of 200 samples again, {} never".format(
            *again_and_never(exact)
        )
    )
    assert again_and_never(exact) == (0, 0)

# %%
# Without a buffer, the state of the stream is exact. ``reshard`` and many small shards
# shuffle by the order of the shards alone, as ``shuffle(seed, buffer_size=1)`` does here.

if __name__ == "__main__":
    rows = datasets.Dataset.from_dict({"number": list(range(SAMPLES))})
    shards = rows.to_iterable_dataset(num_shards=50)
    shards = shards.shuffle(seed=0, buffer_size=1)
    iterator = iter(shards)
    start = [next(iterator)["number"] for _ in range(40)]
    state = shards.state_dict()
    shards.load_state_dict(state)
    assert sorted(start + [row["number"] for row in shards]) == list(
        range(SAMPLES)
    )
    assert start != list(range(40))

# %%
# Proof
# -----
# Each dot is a sample at the step that trained on it. The dashed line is the kill. Crosses
# are samples that come again, rings those that never come: they were in the buffer.


def plot(lossy, exact):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 3.4), sharey=True, layout="constrained"
    )
    for ax, name, batches in (
        (axes[0], "broken", lossy),
        (axes[1], "fixed", exact),
    ):
        seen = set()
        for step, samples in enumerate(batches, 1):
            new = [s for s in samples if s not in seen]
            again = [s for s in samples if s in seen]
            ax.plot([step] * len(new), new, "o", color="C0", markersize=2.5)
            ax.plot([step] * len(again), again, "x", color="C3")
            seen |= set(samples)
        never = sorted(set(range(SAMPLES)) - seen)
        ax.plot([54] * len(never), never, "o", color="C1", fillstyle="none")
        ax.axvline(STOP + 0.5, linestyle="--", color="gray")
        ax.set(title=name, xlabel="step", xticks=[1, 10, 30, 54])
        ax.set_xticklabels(["1", "10", "30", "never"])
    axes[0].set(ylabel="sample")
    plt.show()


if __name__ == "__main__":
    plot(lossy, exact)

# %%
# Find it in your code
# --------------------
# ``dejabatch.testing.assert_resumable`` stops and resumes your loader in processes of their
# own. Say how your program saves and loads the position.

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.testing import assert_resumable


def save(loader, position):
    state = loader.dataset.state_dict()
    return {"stream": state, "batches": position.batches}


def numbers(batch):
    return batch["number"].tolist()


def resumes(rest_of_epoch):
    def load(loader, saved):
        return rest_of_epoch(loader.dataset, saved)

    assert_resumable(
        make_loader, save=save, load=load, key=numbers, at=[STOP], epochs=2
    )


if __name__ == "__main__":
    message = ""
    try:
        resumes(load_state)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert FAILURE_MODES["shuffle-buffer-not-restored"].title in message
    resumes(read_again)

# %%
# See also
# --------
# * A map-style dataset: :doc:`/gallery/7_resume/plot_mid_epoch_resume`.
# * The buffer has the same order in every epoch:
#   :doc:`/gallery/4_streaming/plot_stream_with_fixed_shuffle`.
# * :func:`dejabatch.testing.assert_run_resumable`, for a whole program.
