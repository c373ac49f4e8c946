# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Dataset counters and caches are lost with num_workers > 0
=========================================================

Each worker writes to its own copy of the dataset, which the main process never reads.

* **You see:** With workers, counters stay at 0 and caches are empty again after every
  epoch.
* **Because:** Each worker changes its own copy of the dataset, and the copy ends with
  the worker.
* **Do:** Return the value with the sample, or keep the value in shared memory.
"""

# %%
# See it happen
# -------------
# The dataset counts how often a sample was made, and keeps a list of the indices that it
# could not read.

# sphinx_gallery_tags = ["persistent workers", "dataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

LENGTH = 12
UNREADABLE = {3, 7}


class Counting(Dataset):
    def __init__(self):
        self.made = 0
        self.failed = []

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        self.made += 1
        if index in UNREADABLE:
            self.failed.append(index)
        return index


def load(dataset, num_workers=2, persistent_workers=False):
    return DataLoader(
        dataset,
        batch_size=2,
        num_workers=num_workers,
        persistent_workers=persistent_workers,
    )


broken = load(Counting())

if __name__ == "__main__":
    here = {}
    for num_workers in (0, 2):
        dataset = Counting()
        samples = torch.cat(list(load(dataset, num_workers)))
        here[num_workers] = dataset.made, dataset.failed
        print(
            f"{num_workers} workers: {dataset.made} made, failed: {dataset.failed}"
        )
        assert samples.tolist() == list(range(LENGTH))
    assert here == {0: (12, [3, 7]), 2: (0, [])}

# %%
# Why
# ---
# A worker starts with a copy of the dataset, and ``self`` in it is that copy. The batches
# are all that comes back. When the epoch ends, the worker ends, and the copy with it.
#
# A cache has the same fate: the workers of each epoch fill it again. To see it, reading is
# counted in shared memory.


class Cached(Dataset):
    def __init__(self):
        self.cache = {}
        self.read = torch.zeros(LENGTH, dtype=int).share_memory_()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        if index not in self.cache:
            self.read[index] += 1
            self.cache[index] = index
        return self.cache[index]


OPTIONS = {  # num_workers and persistent_workers
    "no workers": (0, False),
    "new workers for each epoch": (2, False),
    "persistent workers": (2, True),
}

if __name__ == "__main__":
    read = {}
    for name, options in OPTIONS.items():
        loader = load(Cached(), *options)
        for _ in range(4):
            list(loader)
        read[name] = loader.dataset.read.tolist()
        print(
            f"{name}: each sample is read {set(read[name])} times in 4 epochs"
        )
        del loader  # ends persistent workers
    assert read["no workers"] == [1] * LENGTH
    assert read["new workers for each epoch"] == [4] * LENGTH
    assert read["persistent workers"] == [1] * LENGTH

# %%
# Persistent workers keep theirs, one cache each. Above, each index went to the same worker in
# every epoch. If the loader shuffles, a sample is read again by the next worker that gets it.

if __name__ == "__main__":
    shuffled = DataLoader(
        Cached(), shuffle=True, num_workers=2, persistent_workers=True
    )
    for _ in range(4):
        list(shuffled)
    reads = int(shuffled.dataset.read.sum())
    print(f"shuffled: {reads} reads of {LENGTH} samples in 4 epochs")
    del shuffled
    assert LENGTH < reads <= 2 * LENGTH

# %%
# The fix
# -------
# Return it. What is to be known in the main process belongs in the sample.


class Reporting(Dataset):
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return index, index in UNREADABLE


fixed = load(Reporting())


def made_and_failed(loader):
    indices, failed = (torch.cat(part) for part in zip(*loader, strict=True))
    return len(indices), indices[failed].tolist()


if __name__ == "__main__":
    made, failed = made_and_failed(fixed)
    print(f"{made} made, failed: {failed}")
    assert (made, failed) == (12, [3, 7])

# %%
# A number for each index can also lie in shared memory, as the counts above do: a tensor
# after ``share_memory_()``. Each worker then writes to places of its own; numbers to which
# all of them add need a lock besides. A cache for all workers belongs on disk, or in such
# a tensor if samples have one size.


class CachedInTensors(Dataset):
    def __init__(self):
        self.cache = torch.zeros(LENGTH, 3).share_memory_()
        self.cached = torch.zeros(LENGTH, dtype=bool).share_memory_()
        self.read = torch.zeros(LENGTH, dtype=int).share_memory_()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        if not self.cached[index]:
            self.read[index] += 1
            self.cache[index] = torch.full((3,), float(index))
            self.cached[index] = True
        return self.cache[index].clone()


if __name__ == "__main__":
    loader = load(CachedInTensors())
    for _ in range(4):
        samples = torch.cat(list(loader))
    read["shared, new workers"] = loader.dataset.read.tolist()
    print(
        "each sample is read",
        set(read["shared, new workers"]),
        "times in 4 epochs",
    )
    assert read["shared, new workers"] == [1] * LENGTH
    assert samples[:, 0].tolist() == list(range(LENGTH))

# %%
# Proof
# -----
# How often each sample is read in four epochs, by where the cache is.

if __name__ == "__main__":
    figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    colours = ("#8a8f98", "#c8553d", "#8a8f98", "#3b7dd8")
    hatches = ("", "//", "", "")
    for row, counts in enumerate(read.values()):
        bar = ax.barh(
            row, sum(counts) / LENGTH, color=colours[row], hatch=hatches[row]
        )
        ax.bar_label(bar, padding=3)
    ax.set(xlabel="reads of a sample in 4 epochs", xlim=(0, 5))
    ax.set_yticks(range(4), list(read))
    ax.invert_yaxis()
    plt.show()

# %%
# Find it in your code
# --------------------
# Compare what the dataset has stored before and after an epoch with workers. What should
# have changed and has not was stored in a worker.


def stored(dataset):
    return {name: repr(value) for name, value in vars(dataset).items()}


def changes_here(loader):
    before = stored(loader.dataset)
    list(loader)
    after = stored(loader.dataset)
    return [name for name in after if after[name] != before[name]]


if __name__ == "__main__":
    print("0 workers:", changes_here(load(Counting(), num_workers=0)))
    print("2 workers:", changes_here(load(Counting())))
    assert changes_here(load(Counting(), num_workers=0)) == ["made", "failed"]
    assert changes_here(load(Counting())) == []

# %%
# No tool of this package finds it: a dataset that changes itself in a worker is right as
# long as nobody asks the main process's copy.

# %%
# See also
# --------
# * The other way round, from the main process to the workers:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * The cache keeps what was random, too:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * A counter in the dataset decides which sample comes:
#   :doc:`/gallery/1_sample/plot_stateful_cursor`.
# * How long a worker's copy lives:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * :class:`torch.utils.data.DataLoader`.
