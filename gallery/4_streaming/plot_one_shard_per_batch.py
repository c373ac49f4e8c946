# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Every batch comes from a single file or shard
=============================================

A worker fills a batch from the file that it is reading, often a file of one class.

* **You see:** An IterableDataset reads several files, but the samples of a batch are
  neighbours in one file, often of one class.
* **Because:** A single worker makes a batch, and that worker reads its files one after
  another.
* **Do:** Interleave several files, or add a shuffle buffer.
"""

# %%
# See it happen
# -------------
# Each of sixteen files has the samples of one class. Two workers split the files, and
# shuffle their order.

# sphinx_gallery_tags = ["IterableDataset", "files", "shuffle"]
# sphinx_gallery_parallel = False

import atexit
import random
import tempfile
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


def write_files():
    """Write one line for each sample: its number and its class."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    files = [Path(folder.name, f"class_{label:02}.txt") for label in range(16)]
    for label, file in enumerate(files):
        numbers = range(48 * label, 48 * label + 48)
        file.write_text("".join(f"{number} {label}\n" for number in numbers))
    return files


# Spawned workers import this file, too, and receive the file names by pickle.
FILES = [] if __name__ == "__mp_main__" else write_files()


def read(file):
    with file.open() as lines:
        for line in lines:
            number, label = map(int, line.split())
            yield number, label


class Samples(IterableDataset):
    def __init__(self, files):
        self.files = files

    def own_files(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        own = self.files[first::step]
        random.shuffle(own)
        return own

    def __iter__(self):
        for file in self.own_files():
            yield from read(file)


def load(dataset, num_workers=2):
    return DataLoader(dataset, batch_size=16, num_workers=num_workers)


broken = load(Samples(FILES))


def files_of_batches(loader):
    """Return the number of samples from each file, for each batch."""
    return [Counter(labels.tolist()) for _, labels in loader]


def files_per_batch(batches):
    return sum(map(len, batches)) / len(batches)


if __name__ == "__main__":
    broken_batches = files_of_batches(broken)
    print(f"broken: {files_per_batch(broken_batches):.1f} files in a batch")
    assert len(broken_batches) == 48
    assert all(len(batch) == 1 for batch in broken_batches)

# %%
# Why
# ---
# One worker makes each batch from the next samples of its stream. The worker reads one file
# after another, so these samples are neighbours in a file. Shuffling the files only
# changes which file is next. Without workers, each batch comes from one file, too.

if __name__ == "__main__":
    alone = files_of_batches(load(Samples(FILES), num_workers=0))
    assert files_per_batch(alone) == 1
    assert broken_batches[0] == broken_batches[2] == broken_batches[4]
    assert broken_batches[0] != broken_batches[1] == broken_batches[3]

# %%
# ``shuffle=True`` raises for an iterable dataset.

if __name__ == "__main__":
    message = ""
    try:
        DataLoader(Samples(FILES), batch_size=16, shuffle=True)
    except ValueError as error:
        message = str(error)
    print("ValueError:", message)
    assert "shuffle" in message

# %%
# The fix
# -------
# Keep several files open, and take each sample from one of the files at random.


class MixesFiles(Samples):
    def __iter__(self):
        readers = [read(file) for file in self.own_files()]
        while readers:  # a file opens at its first sample
            reader = random.choice(readers[:4])
            if (sample := next(reader, None)) is None:
                readers.remove(reader)
            else:
                yield sample


fixed = load(MixesFiles(FILES))

if __name__ == "__main__":
    fixed_batches = files_of_batches(fixed)
    mean = files_per_batch(fixed_batches)
    print(f"fixed: {mean:.1f} files in a batch")
    assert sum(map(Counter.total, fixed_batches)) == 16 * 48
    assert mean > 3

# %%
# Libraries interleave the files in turn, and then shuffle. This generator takes a sample
# from each open file in turn.


def interleaved(files, at_once):
    # Each generator opens its file only at its first sample.
    waiting = [read(file) for file in files]
    reading = []
    while waiting or reading:
        while waiting and len(reading) < at_once:
            reading.append(waiting.pop())
        for reader in list(reading):
            sample = next(reader, None)
            if sample is None:
                reading.remove(reader)
            else:
                yield sample


# %%
# A shuffle buffer draws the next sample at random from those that it holds.


def shuffled(samples, size):
    held = []
    for sample in samples:
        if len(held) < size:
            held.append(sample)
        else:
            place = random.randrange(size)
            yield held[place]
            held[place] = sample
    random.shuffle(held)
    yield from held


class Mixed(Samples):
    def __init__(self, files, at_once, buffer):
        super().__init__(files)
        self.at_once = at_once
        self.buffer = buffer

    def __iter__(self):
        samples = interleaved(self.own_files(), self.at_once)
        yield from shuffled(samples, self.buffer)


if __name__ == "__main__":
    mixed_batches = files_of_batches(load(Mixed(FILES, at_once=4, buffer=96)))
    print(f"{files_per_batch(mixed_batches):.1f} files in a batch")
    assert sum(map(Counter.total, mixed_batches)) == 16 * 48
    assert files_per_batch(mixed_batches) > 4

# %%
# Interleaving alone or a large buffer alone is enough. A buffer smaller than a file, here 48 samples, mixes few files. Interleaved files stay together until they
# end. The cell below reads eight files without workers.

if __name__ == "__main__":
    means = {}
    for at_once, size in (
        (1, 1),
        (1, 12),
        (1, 48),
        (1, 192),
        (4, 1),
        (4, 96),
    ):
        mixed = load(Mixed(FILES[:8], at_once, size), num_workers=0)
        means[at_once, size] = files_per_batch(files_of_batches(mixed))
        print(
            f"{at_once} files interleaved, buffer of {size:3}: "
            f"{means[at_once, size]:.1f} files in a batch"
        )
    assert means[1, 1] == 1
    assert means[1, 12] < 3
    assert means[1, 192] > 4
    assert means[4, 1] == 4
    first, *others = files_of_batches(load(Mixed(FILES, 4, 1), num_workers=0))
    assert all(batch == first for batch in others[:11])
    assert others[11] != first
    assert means[4, 96] > 4

# %%
# :class:`dejabatch.shard` splits a stream between all workers and adds a shuffle buffer.

import dejabatch


class AllSamples(Samples):
    def own_files(self):
        return self.files


if __name__ == "__main__":
    sharded = load(dejabatch.shard(AllSamples(FILES), shuffle_buffer=192))
    batches = files_of_batches(sharded)
    print(f"dejabatch.shard: {files_per_batch(batches):.1f} files in a batch")
    assert sum(map(Counter.total, batches)) == 16 * 48
    assert files_per_batch(batches) > 4

# %%
# One worker still makes each batch, so a batch mixes only the files of that worker.

if __name__ == "__main__":
    for batch in fixed_batches:
        assert len({label % 2 for label in batch}) == 1

# %%
# Proof
# -----
# A dot is the part of a batch that comes from one file. Mixed batches have several dots.


def plot(broken_batches, fixed_batches):
    _, axes = plt.subplots(
        1, 2, figsize=(8, 3), sharey=True, layout="constrained"
    )
    for ax, name, batches in (
        (axes[0], "broken", broken_batches),
        (axes[1], "fixed", fixed_batches),
    ):
        numbers, labels, sizes = zip(
            *(
                (number, label, count)
                for number, batch in enumerate(batches)
                for label, count in batch.items()
            ),
            strict=True,
        )
        ax.scatter(numbers, labels, [3 * size for size in sizes])
        mean = files_per_batch(batches)
        ax.set(title=f"{name}: {mean:.1f} files in a batch", xlabel="batch")
    axes[0].set(ylabel="file (one class)", yticks=range(0, 16, 3))
    plt.show()


if __name__ == "__main__":
    plot(broken_batches, fixed_batches)

# %%
# Find it in your code
# --------------------
# Count how many neighbouring samples in a batch have the same label.


def share_of_equal_neighbours(loader):
    equal = [labels[1:] == labels[:-1] for _, labels in loader]
    return torch.cat(equal).double().mean().item()


if __name__ == "__main__":
    print(f"broken: {share_of_equal_neighbours(broken):.0%}")
    print(f"fixed:  {share_of_equal_neighbours(fixed):.0%}")
    assert share_of_equal_neighbours(broken) == 1
    assert share_of_equal_neighbours(fixed) < 0.5

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). Different
# orders in two epochs suggest shuffling, so the audit warns. With
# ``Expect(fixed_order=False)``, the finding is an error.


if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("one-shard-per-batch", "dataset.__iter__")
    ]
    assert report.findings[0].severity == "warning"
    assert dejabatch.audit(fixed).ok

    expect = dejabatch.Expect(fixed_order=False)
    (finding,) = dejabatch.audit(broken, expect=expect).findings
    assert finding.severity == "error"

# %%
# See also
# --------
# * A map-style dataset is sorted by class, and the loader can shuffle it:
#   :doc:`/gallery/3_order/plot_sorted_without_shuffle`.
# * The stream is shuffled in the same way in every epoch:
#   :doc:`/gallery/4_streaming/plot_stream_with_fixed_shuffle`.
# * All workers read the same files:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
