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
datasets.map freezes the augmentation
=====================================

``map`` stores what the random function returned, and never calls it again.

* **You see:** Each epoch and each run has the same augmentations, although ``map()`` calls a
  random function.
* **Because:** ``Dataset.map`` calls the function once for each row, stores the result on
  disk, and reads it in every later epoch and run.
* **Do:** Augment when a row is read: ``dataset.with_transform(augment)``.
"""

# %%
# See it happen
# -------------
# A Hugging Face dataset has 16 rows on disk, all zero. ``augment`` adds noise. Two runs,
# each in a process of its own, read two epochs.

# sphinx_gallery_tags = ["same in every epoch", "same in every run", "Hugging Face"]
# sphinx_gallery_parallel = False

import multiprocessing
import random
import tempfile
from pathlib import Path

import datasets
import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader

datasets.disable_progress_bars()
temporary = tempfile.TemporaryDirectory()


def stored(folder):
    path = Path(folder, "rows")
    if not path.exists():
        rows = datasets.Dataset.from_dict({"x": [0.0] * 16})
        rows.save_to_disk(path)
    return datasets.load_from_disk(path)


def augment(rows):
    return {"x": [x + random.random() for x in rows["x"]]}


def broken(folder=temporary.name):
    rows = stored(folder).map(augment, batched=True)
    return DataLoader(rows, batch_size=16)


def read(make_loader, folder, epochs):
    loader = make_loader(folder)
    for epoch in range(2):
        (batch,) = loader
        epochs[epoch] = batch["x"]


def two_runs(make_loader):
    """Return the noise of each run and epoch."""
    runs = torch.zeros(2, 2, 16).share_memory_()
    for epochs in runs:
        process = multiprocessing.Process(
            target=read, args=(make_loader, temporary.name, epochs)
        )
        process.start()
        process.join()
        assert process.exitcode == 0
    return runs.flatten(0, 1)


if __name__ == "__main__":
    frozen = two_runs(broken)
    print("broken:", len(frozen.unique(dim=0)), "of 4 epochs in 2 runs differ")
    assert len(frozen.unique(dim=0)) == 1

# %%
# Why
# ---
# ``map`` is for preprocessing: it runs once, before training, and writes a new file.
# Epochs read the file. The file's name is a hash of the dataset and of the function's
# code. The next run has the same code, finds the file, and does not call the function. A
# seed changes nothing, since no random number is drawn.
#
# Without the cache, each run has new noise, and still all of its epochs have the same.

if __name__ == "__main__":
    files = [Path(one["filename"]) for one in broken().dataset.cache_files]
    print(
        "cached in", *(file.name.split("-")[0] + "-….arrow" for file in files)
    )
    assert all(file.name.startswith("cache-") for file in files)

    options = {"batched": True, "load_from_cache_file": False}
    rows = stored(temporary.name).map(augment, **options)
    first, second = (rows["x"][:] for _epoch in range(2))
    assert first == second
    assert first != frozen[0].tolist()

# %%
# The fix
# -------
# Pass the function to ``with_transform``, which calls it whenever rows are read. It takes
# and returns a batch, as with ``batched=True``. Keep ``map`` for what is not random, such
# as decoding and tokenizing.


def fixed(folder=temporary.name):
    rows = stored(folder).with_transform(augment)
    return DataLoader(rows, batch_size=16)


if __name__ == "__main__":
    fresh = two_runs(fixed)
    print("fixed:", len(fresh.unique(dim=0)), "of 4 epochs in 2 runs differ")
    assert len(fresh.unique(dim=0)) == 4

# %%
# A dataset has one transform: ``with_transform`` replaces an earlier one, and
# ``set_format``. ``map`` of an ``IterableDataset`` is lazy, and augments in each epoch.

if __name__ == "__main__":
    stream = stored(temporary.name).to_iterable_dataset()
    stream = stream.map(augment, batched=True)
    first, second = ([row["x"] for row in stream] for _epoch in range(2))
    assert first != second
    replaced = (
        stored(temporary.name).with_format("torch").with_transform(augment)
    )
    assert isinstance(replaced[0]["x"], float)  # no longer a tensor

# %%
# Proof
# -----
# Each line is one epoch of one run: the noise of the 16 rows. The four lines of ``map``
# lie on each other.


def plot(frozen, fresh):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 3), sharey=True, layout="constrained"
    )
    for ax, name, epochs in (
        (axes[0], "broken: map", frozen),
        (axes[1], "fixed: with_transform", fresh),
    ):
        for number, noise in enumerate(epochs):
            label = f"run {number // 2 + 1}, epoch {number % 2}"
            ax.plot(noise, "osx^"[number], linestyle="-", label=label)
        ax.set(title=name, xlabel="row")
    axes[0].set(ylabel="noise", ylim=(-0.05, 1.5))
    axes[1].legend(
        fontsize=7,
        loc="upper center",
        ncols=2,
        columnspacing=1,
        handlelength=1,
    )
    plt.show()


if __name__ == "__main__":
    plot(frozen, fresh)

# %%
# Find it in your code
# --------------------
# Read ``dataset[0]`` twice. ``dejabatch.testing.assert_epochs_differ`` compares all samples
# of two epochs.

from dejabatch.testing import assert_epochs_differ

if __name__ == "__main__":
    assert broken().dataset[0] == broken().dataset[0]
    assert fixed().dataset[0] != fixed().dataset[0]

    message = ""
    try:
        assert_epochs_differ(broken, order=False, augmentation=True)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert "all 16 samples of the second epoch" in message
    assert_epochs_differ(fixed, order=False, augmentation=True)

# %%
# See also
# --------
# * Your own cache: :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * An augmentation in ``__init__``: :doc:`/gallery/1_sample/plot_augmented_once`.
# * The manual of ``datasets`` on `with_transform
#   <https://huggingface.co/docs/datasets/process#format-transform>`_, and the wish that led
#   to it, `datasets#768 <https://github.com/huggingface/datasets/issues/768>`_.
