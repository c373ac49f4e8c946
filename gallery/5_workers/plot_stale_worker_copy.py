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
A change of the dataset never reaches the workers
=================================================

``set_epoch`` changes the dataset here. The workers go on with the copies that they have.

* **You see:** ``dataset.set_epoch``, or a new value of an attribute, has no effect
  while the loader's workers live.
* **Because:** With ``persistent_workers=True`` each worker has a copy of the dataset,
  made when it was started.
* **Do:** Keep the value in shared memory, as ``dejabatch.SharedEpoch`` does.
"""

# %%
# See it happen
# -------------
# Each crop of the photograph is drawn from the epoch and the index, so that it can be made
# again. ``set_epoch`` tells the dataset which epoch is next.

# sphinx_gallery_tags = ["same in every epoch", "persistent workers", "dataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, Sampler

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
SIZE = 220


def random_crop(epoch, index):
    height, width, _ = PHOTOGRAPH.shape
    rng = np.random.default_rng([epoch, index])
    top, left = rng.integers([height - SIZE, width - SIZE])
    crop = PHOTOGRAPH[top : top + SIZE, left : left + SIZE]
    return torch.tensor(crop.copy())


class Crops(Dataset):
    def __init__(self):
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return random_crop(self.epoch, index)


def load(dataset, num_workers=2, persistent_workers=True, sampler=None):
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=persistent_workers,
    )


broken = load(Crops())
OPTIONS = {  # num_workers and persistent_workers
    "no workers": (0, False),
    "new workers for each epoch": (2, False),
    "persistent workers": (2, True),
}


def first_crops(loader):
    """Return the crop of index 0 in each of three epochs."""
    crops = []
    for epoch in range(3):
        loader.dataset.set_epoch(epoch)
        first, *_ = loader
        crops.append(first)
    return crops


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    counts = []
    for name, options in OPTIONS.items():
        broken_crops = first_crops(load(Crops(), *options))
        counts.append(count_distinct(broken_crops))
        print(f"{name}: {counts[-1]} distinct crops in 3 epochs")
    assert counts == [3, 3, 1]

# %%
# Why
# ---
# A worker gets a copy of the dataset when it starts. Workers that start anew for each epoch
# get one that has been told the epoch. Persistent workers got theirs in the first, and what
# ``set_epoch`` changes since is the main process's dataset. Any other attribute, such as
# the difficulty of a curriculum, goes the same way.
#
# If a sampler whose ``__iter__`` is a generator tells the dataset, even new workers are one
# epoch late. They start before the loader asks for the first index, and a generator runs no
# line until then.


class Epochs(Crops):
    def __getitem__(self, index):
        return self.epoch


class TellingSampler(Sampler):
    def __init__(self, dataset):
        self.dataset = dataset

    def __iter__(self):
        self.dataset.set_epoch(self.dataset.epoch + 1)
        yield from range(len(self.dataset))


if __name__ == "__main__":
    arrived = []
    for name, options in OPTIONS.items():
        dataset = Epochs()
        loader = load(dataset, *options, sampler=TellingSampler(dataset))
        arrived.append([set(loader) for _ in range(3)])
        print(f"{name}: epochs", *arrived[-1])
        del loader  # ends persistent workers
    assert arrived == [[{1}, {2}, {3}], [{0}, {1}, {2}], [{0}, {0}, {0}]]

# %%
# The fix
# -------
# Keep the number in shared memory. The copies that workers get of such a tensor are one piece
# of memory, whenever they were made.


class SharedCrops(Crops):
    def __init__(self):
        self.epoch = torch.tensor(0).share_memory_()

    def set_epoch(self, epoch):
        self.epoch.fill_(epoch)

    def __getitem__(self, index):
        return random_crop(int(self.epoch), index)


fixed = load(SharedCrops())

if __name__ == "__main__":
    fixed_crops = first_crops(load(SharedCrops()))
    print(count_distinct(fixed_crops), "distinct crops in 3 epochs")
    assert count_distinct(fixed_crops) == 3
    for epoch, crop in enumerate(fixed_crops):
        assert torch.equal(crop, random_crop(epoch, index=0))

# %%
# ``dejabatch.SharedEpoch`` is such a number, with a ``value`` to read and to set.
# ``dejabatch.set_epoch(loader, epoch)`` tells the dataset and the sampler, and raises
# if the workers cannot hear it.

import dejabatch

if __name__ == "__main__":
    loader = load(Crops())
    list(loader)  # its workers have started
    try:
        dejabatch.set_epoch(loader, 1)
    except RuntimeError as error:
        message = str(error)
    del loader
    print(message)
    assert "persistent workers have their own" in message

    loader = load(SharedCrops())
    list(loader)
    dejabatch.set_epoch(loader, 1)
    first, *_ = loader
    del loader
    assert torch.equal(first, random_crop(epoch=1, index=0))

# %%
# Proof
# -----
# The crop of one index in three epochs, made by persistent workers.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 3, figsize=(6, 4.2), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", broken_crops),
        (axes[1], "fixed", fixed_crops),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(images[epoch])
            ax.set(xticks=[], yticks=[], title=f"{name}: epoch {epoch}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Change the epoch after the workers have started, and compare a sample of theirs with the
# same one made here.


def workers_hear(dataset):
    loader = load(dataset, num_workers=1)
    list(loader)  # its worker has started
    dataset.set_epoch(1)
    first, *_ = loader
    return torch.equal(first, dataset[0])


if __name__ == "__main__":
    print("broken:", workers_hear(Crops()))
    print("fixed: ", workers_hear(SharedCrops()))
    assert not workers_hear(Crops())
    assert workers_hear(SharedCrops())

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("stale-worker-copy", "dataset.epoch")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * What the workers change never comes back:
#   :doc:`/gallery/5_workers/plot_state_lost_in_workers`.
# * What changes is a module's variable, not the dataset's attribute:
#   :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`.
# * The seed comes from ``worker_init_fn``:
#   :doc:`/gallery/5_workers/plot_worker_init_runs_once`.
# * What else such workers keep:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * :class:`torch.utils.data.DataLoader`.
