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
# The dataset counts its samples, and lists the indices that it cannot read.

# sphinx_gallery_tags = ["persistent workers", "dataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

LENGTH = 12
UNREADABLE = {3, 7}


class Samples(Dataset):
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


broken = load(Samples())

if __name__ == "__main__":
    counts = {}
    for num_workers in (0, 2):
        dataset = Samples()
        samples = torch.cat(list(load(dataset, num_workers)))
        counts[num_workers] = dataset.made, dataset.failed
        print(
            f"{num_workers} workers: {dataset.made} read, failed: {dataset.failed}"
        )
        assert samples.tolist() == list(range(LENGTH))
    print("broken: failed indices with 2 workers:", counts[2][1])
    assert counts == {0: (12, [3, 7]), 2: (0, [])}

# %%
# Why
# ---
# A worker starts with a copy of the dataset, and ``self`` is that copy. Only batches return
# to the main process. When the epoch ends, the worker and its copy end, too.
#
# A cache in the dataset is lost in the same way: the workers of each epoch fill a new one.
# The cell below counts reads in shared memory.


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


OPTIONS = {  # (num_workers, persistent_workers)
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
        del loader  # stops persistent workers
    assert read["no workers"] == [1] * LENGTH
    assert read["new workers for each epoch"] == [4] * LENGTH
    assert read["persistent workers"] == [1] * LENGTH

# %%
# Each persistent worker keeps its own cache. Above, each index goes to the same worker in
# every epoch. With shuffling, every worker that gets a sample reads it once.

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
# Return the value with the sample.


class ReturnsFailures(Dataset):
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return index, index in UNREADABLE


fixed = load(ReturnsFailures())


def count_and_failed(loader):
    indices, failed = (torch.cat(part) for part in zip(*loader, strict=True))
    return len(indices), indices[failed].tolist()


if __name__ == "__main__":
    made, failed = count_and_failed(fixed)
    print("fixed: failed indices with 2 workers:", failed)
    assert (made, failed) == (12, [3, 7])

# %%
# Or store one value for each index in a shared-memory tensor, like the counts above. If
# several workers add to the same number, use a lock.
#
# A cache for all workers belongs on disk, or in a shared-memory tensor if all samples have
# one size.


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
# The bars show how often each sample is read in four epochs. A cache should read once.


def plot(read):
    _, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    colours = ("#8a8f98", "#c8553d", "#8a8f98", "#3b7dd8")
    hatches = ("", "//", "", "")
    for row, counts in enumerate(read.values()):
        bar = ax.barh(
            row, sum(counts) / LENGTH, color=colours[row], hatch=hatches[row]
        )
        ax.bar_label(bar, padding=3)
    ax.set(xlabel="reads in 4 epochs", xlim=(0, 5))
    ax.set_yticks(range(4), list(read))
    ax.invert_yaxis()
    plt.show()


if __name__ == "__main__":
    plot(read)

# %%
# Find it in your code
# --------------------
# Compare the dataset's attributes before and after an epoch with workers. An attribute that
# should change but does not has changed only in the workers.


def attributes_of(dataset):
    return {name: repr(value) for name, value in vars(dataset).items()}


def changed_attributes(loader):
    before = attributes_of(loader.dataset)
    list(loader)
    after = attributes_of(loader.dataset)
    return [name for name in after if after[name] != before[name]]


if __name__ == "__main__":
    print("0 workers:", changed_attributes(load(Samples(), num_workers=0)))
    print("2 workers:", changed_attributes(load(Samples())))
    assert changed_attributes(load(Samples(), num_workers=0)) == [
        "made",
        "failed",
    ]
    assert changed_attributes(load(Samples())) == []

# %%
# No tool of this package finds this failure. A dataset that changes itself in a worker is
# correct unless the main process reads its own copy.

# %%
# See also
# --------
# * Changes in the main process do not reach the workers:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * The cache keeps augmented samples:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * A counter in the dataset selects the sample:
#   :doc:`/gallery/1_sample/plot_stateful_cursor`.
# * Persistent workers keep their copies:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * :class:`torch.utils.data.DataLoader`.
