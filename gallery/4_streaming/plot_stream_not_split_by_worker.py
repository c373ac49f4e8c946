# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Every sample of an IterableDataset comes once for each worker
=============================================================

A worker has a copy of the dataset, and reads all of it unless you say otherwise.

* **You see:** With ``num_workers=4`` an epoch has four times the samples.
* **Because:** Every worker has a copy of the dataset and reads the whole stream.
* **Do:** In ``__iter__``, skip what belongs to the other workers, by
  ``get_worker_info()``.
"""

# %%
# See it happen
# -------------
# Four files with four lines each. Two workers read them.

# sphinx_gallery_tags = ["same across workers", "IterableDataset", "files"]
# sphinx_gallery_parallel = False

import atexit
import itertools
import shutil
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


def write_files():
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    files = [folder / f"{name}.txt" for name in "abcd"]
    for file in files:
        file.write_text("".join(f"{file.stem}{i}\n" for i in range(4)))
    return files


class Lines(IterableDataset):
    def __init__(self, files):
        self.files = files

    def __iter__(self):
        for file in self.files:
            yield from file.read_text().splitlines()


# A spawned worker imports this file, too. It is sent the names of the files.
FILES = [] if __name__ == "__mp_main__" else write_files()
broken = DataLoader(Lines(FILES), batch_size=4, num_workers=2)


def times_of_each(loader):
    return Counter(line for batch in loader for line in batch)


if __name__ == "__main__":
    broken_times = times_of_each(broken)
    print(broken_times)
    assert len(broken_times) == 16
    assert set(broken_times.values()) == {2}

# %%
# Why
# ---
# A sampler hands out indices, each to one worker. For an iterable dataset there are none to
# hand out: every worker gets a copy of the dataset and iterates it from beginning to end.
#
# torch warns only if the dataset has a ``__len__``, if somebody has called ``len(loader)``
# before, as a progress bar does, and if there come more *batches* than the dataset has
# samples. With batches of four there is no warning.


class WithLength(Lines):
    def __len__(self):
        return 16


def warnings_of(loader):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in loader:
            pass
    return sum("IterableDataset" in str(one.message) for one in caught)


if __name__ == "__main__":
    loader = DataLoader(WithLength(FILES), batch_size=None, num_workers=2)
    silent = warnings_of(loader)
    length = len(loader)
    loud = warnings_of(loader)
    print(f"before len(loader): {silent} warnings, after it: {loud}")
    assert silent == 0
    assert loud > 0

    batched = DataLoader(WithLength(FILES), batch_size=4, num_workers=2)
    assert len(batched) == 4
    assert warnings_of(batched) == 0

# %%
# The fix
# -------
# Ask in ``__iter__`` which worker this is, and skip what belongs to the others. Split what
# is cheap to skip: the names of the files, not their lines.


class OwnFiles(Lines):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for file in self.files[first::step]:
            yield from file.read_text().splitlines()


fixed = DataLoader(OwnFiles(FILES), batch_size=4, num_workers=2)

if __name__ == "__main__":
    for num_workers in (0, 2, 3):
        loader = DataLoader(
            OwnFiles(FILES), batch_size=4, num_workers=num_workers
        )
        times = times_of_each(loader)
        print(
            f"{num_workers} workers: {len(times)} lines, {times.total()} samples"
        )
        assert len(times) == times.total() == 16

# %%
# With fewer files than workers, some workers have nothing to do. Then split the lines: each
# worker reads all of them, and gives every ``step``-th. With several ranks, count their
# workers as well: :doc:`/gallery/4_streaming/plot_stream_not_split_by_rank`.


class OwnLines(Lines):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from itertools.islice(super().__iter__(), first, None, step)


if __name__ == "__main__":
    for num_workers in (0, 2, 3):
        loader = DataLoader(
            OwnLines(FILES[:1]), batch_size=None, num_workers=num_workers
        )
        assert sorted(loader) == sorted(Lines(FILES[:1]))

# %%
# Proof
# -----
# How often each line came.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
    for ax, name, loader in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        times = times_of_each(loader)
        table = np.array(
            [[times[f"{name}{i}"] for i in range(4)] for name in "abcd"]
        )
        ax.imshow(table, vmin=0, vmax=2, cmap="cividis", aspect="auto")
        for (row, column), count in np.ndenumerate(table):
            colour = "black" if count == 2 else "white"
            ax.text(column, row, count, ha="center", va="center", color=colour)
        ax.set(title=name, xlabel="line", ylabel="file", xticks=range(4))
        ax.set(yticks=range(4), yticklabels="abcd")
    plt.show()

# %%
# Find it in your code
# --------------------
# Count the samples with workers and without.


def gives_more_with_workers(dataset):
    alone, together = (
        sum(1 for _ in DataLoader(dataset, batch_size=None, num_workers=n))
        for n in (0, 2)
    )
    return together > alone


if __name__ == "__main__":
    print("broken:", gives_more_with_workers(broken.dataset))
    print("fixed: ", gives_more_with_workers(fixed.dataset))
    assert gives_more_with_workers(broken.dataset)
    assert not gives_more_with_workers(fixed.dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds. :class:`dejabatch.shard` splits any iterable
# between the workers of all ranks.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("stream-not-split-by-worker", "dataset.__iter__")
    ]
    assert dejabatch.audit(fixed).ok

    sharded = DataLoader(
        dejabatch.shard(range(16)), batch_size=4, num_workers=2
    )
    assert dejabatch.audit(sharded).ok

# %%
# See also
# --------
# * There is nothing at all in the second epoch:
#   :doc:`/gallery/4_streaming/plot_exhausted_stream`.
# * The workers' samples differ, and their augmentations do not:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * :class:`torch.utils.data.IterableDataset`, and webdataset's ``split_by_worker`` for
#   shards of tar files.
