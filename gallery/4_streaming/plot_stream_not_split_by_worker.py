# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "tfrecord",
#   "torch",
#   "webdataset",
# ]
# ///
"""
IterableDataset returns every sample once per worker
====================================================

Each worker has a copy of the dataset and reads all of it, unless you split the stream.

* **You see:** With ``num_workers=4``, an epoch has four times as many samples.
* **Because:** Every worker has a copy of the dataset and reads the whole stream.
* **Do:** In ``__iter__``, call ``get_worker_info()`` and skip the samples of the other
  workers. Wrap a dataset whose ``__iter__`` is a library's. Give a webdataset
  ``DataPipeline`` a ``split_by_worker``.
"""

# %%
# See it happen
# -------------
# Two workers read four files with four lines each.

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


# Spawned workers import this file, too, and receive the file names by pickle.
FILES = [] if __name__ == "__mp_main__" else write_files()
broken = DataLoader(Lines(FILES), batch_size=4, num_workers=2)


def times_of_each(loader):
    return Counter(line for batch in loader for line in batch)


if __name__ == "__main__":
    broken_times = times_of_each(broken)
    total = broken_times.total()
    print("broken:", total, "samples in an epoch of", len(broken_times))
    assert len(broken_times) == 16
    assert set(broken_times.values()) == {2}

# %%
# Why
# ---
# A map-style loader sends each index to one worker. An iterable dataset has no indices:
# every worker iterates its own copy of the dataset from beginning to end.
#
# torch rarely warns. The dataset needs a ``__len__``, and a progress bar or your code must
# have called ``len(loader)`` before. The loader must also return more *batches* than the
# dataset has samples. With batches of four, torch does not warn.


class WithLength(Lines):
    def __len__(self):
        return 16


def warnings_of(loader):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in loader:
            pass
    return sum("IterableDataset" in str(entry.message) for entry in caught)


if __name__ == "__main__":
    loader = DataLoader(WithLength(FILES), batch_size=None, num_workers=2)
    warnings_before = warnings_of(loader)
    length = len(loader)
    warnings_after = warnings_of(loader)
    print(
        f"before len(loader): {warnings_before} warnings, after it: {warnings_after}"
    )
    assert warnings_before == 0
    assert warnings_after > 0

    batched = DataLoader(WithLength(FILES), batch_size=4, num_workers=2)
    assert len(batched) == 4
    assert warnings_of(batched) == 0

# %%
# The fix
# -------
# Call ``get_worker_info()`` in ``__iter__``, and skip the files of the other workers.
# Skipping file names is cheaper than skipping lines.


class SplitsFiles(Lines):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for file in self.files[first::step]:
            yield from file.read_text().splitlines()


fixed = DataLoader(SplitsFiles(FILES), batch_size=4, num_workers=2)

if __name__ == "__main__":
    total = times_of_each(fixed).total()
    print("fixed:", total, "samples in an epoch of", len(broken_times))
    for num_workers in (0, 2, 3):
        loader = DataLoader(
            SplitsFiles(FILES), batch_size=4, num_workers=num_workers
        )
        times = times_of_each(loader)
        print(
            f"{num_workers} workers: {len(times)} lines, {times.total()} samples"
        )
        assert len(times) == times.total() == 16

# %%
# With fewer files than workers, split the lines instead. Each worker reads all lines and
# returns every ``step``-th one. With several GPUs, :doc:`split by rank as well
# </gallery/4_streaming/plot_stream_not_split_by_rank>`.


class SplitsLines(Lines):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from itertools.islice(super().__iter__(), first, None, step)


if __name__ == "__main__":
    for num_workers in (0, 2, 3):
        loader = DataLoader(
            SplitsLines(FILES[:1]), batch_size=None, num_workers=num_workers
        )
        assert sorted(loader) == sorted(Lines(FILES[:1]))

# %%
# If the ``__iter__`` is a library's, wrap the dataset. The wrapper gives each worker
# every ``step``-th sample of any iterable. The ``TFRecordDataset`` of tfrecord, which has
# no index file here, reads all records in each worker.


class Split(IterableDataset):
    def __init__(self, source):
        self.source = source

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return itertools.islice(iter(self.source), first, None, step)


def write_records(folder):
    from tfrecord import TFRecordWriter

    path = f"{folder}/lines.tfrecord"
    writer = TFRecordWriter(path)
    for line in range(16):
        writer.write({"line": (line, "int")})
    writer.close()
    return path


if __name__ == "__main__":
    from tfrecord.torch.dataset import TFRecordDataset

    with tempfile.TemporaryDirectory() as folder:
        # Spawned workers can unpickle this transform.
        records = TFRecordDataset(
            write_records(folder), None, {"line": "int"}, transform=dict
        )
        for name, dataset in (("alone", records), ("wrapped", Split(records))):
            loader = DataLoader(dataset, batch_size=None, num_workers=2)
            times = Counter(int(record["line"][0]) for record in loader)
            print(
                f"{name}: {times.total()} records in an epoch of {len(times)}"
            )
            assert set(times.values()) == {2 if dataset is records else 1}

# %%
# In webdataset, a ``DataPipeline`` needs ``split_by_worker`` after its list of shards.
# ``WebDataset(urls)`` splits between workers itself. Repeats are meant with
# ``resampled=True``, which draws shards with replacement.


def write_shards(folder):
    from webdataset import TarWriter

    shards = [f"{folder}/{name}.tar" for name in "abcd"]
    for shard in shards:
        with TarWriter(shard) as file:
            for i in range(4):
                file.write({"__key__": f"{Path(shard).stem}{i}", "txt": ""})
    return shards


def times_of_keys(dataset, num_workers=2):
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
    return Counter(sample["__key__"] for sample in loader)


if __name__ == "__main__":
    import webdataset as wds

    with tempfile.TemporaryDirectory() as folder:
        urls = write_shards(folder)
        shards, read = wds.SimpleShardList(urls), wds.tarfile_to_samples()
        unsplit = times_of_keys(wds.DataPipeline(shards, read))
        split = times_of_keys(
            wds.DataPipeline(shards, wds.split_by_worker, read)
        )
        whole = times_of_keys(wds.WebDataset(urls, shardshuffle=False))
        resampled = wds.WebDataset(
            urls, resampled=True, shardshuffle=False
        ).with_epoch(16)
        epochs = [times_of_keys(resampled, num_workers=0) for _ in range(9)]
    print("DataPipeline:", unsplit.total(), "samples in an epoch of 16")
    print("with split_by_worker:", split.total(), "samples")
    assert set(unsplit.values()) == {2}
    assert split == whole == Counter(broken_times.keys())
    assert any(max(epoch.values()) > 1 for epoch in epochs)

# %%
# Proof
# -----
# The numbers show how often each line comes in one epoch. Each must come once.


def plot():
    _, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
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


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Count the samples with and without workers.


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
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged.
# :class:`dejabatch.shard` splits any iterable between the workers of all ranks.

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
# * The second epoch is empty:
#   :doc:`/gallery/4_streaming/plot_exhausted_stream`.
# * All workers apply the same augmentation:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * :class:`torch.utils.data.IterableDataset`.
