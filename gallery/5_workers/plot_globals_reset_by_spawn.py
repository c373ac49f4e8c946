# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Global variables are reset in spawned workers
=============================================

A spawned worker imports the program again, so its globals get their initial values.

* **You see:** A setting that the program changes has no effect in the workers: on
  macOS, on Windows, or on Linux since Python 3.14.
* **Because:** Under spawn and forkserver, each worker imports the module again, and the
  module's globals get their initial values.
* **Do:** Pass the setting as an attribute of the dataset.
"""

# %%
# See it happen
# -------------
# The size of the crops is a default at the top of the program. The program then sets it, as
# it would from the command line. (Run it as a script: a spawned worker cannot import the
# classes of a notebook.)

# sphinx_gallery_tags = ["start method", "dataset"]
# sphinx_gallery_parallel = False

import functools

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
SETTINGS = {"size": 64}


def crop(size):
    return torch.tensor(PHOTOGRAPH[100 : 100 + size, 160 : 160 + size].copy())


class Crops(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return crop(SETTINGS["size"])


def load(dataset, method, num_workers=1):
    return DataLoader(
        dataset, num_workers=num_workers, multiprocessing_context=method
    )


def size_of_first(loader):
    first, *_ = loader
    return first.shape[1]


broken = load(Crops(), "spawn")

if __name__ == "__main__":
    SETTINGS["size"] = 256  # in place of what the command line says

    sizes = {"no workers": size_of_first(load(Crops(), None, num_workers=0))}
    for method in ("fork", "forkserver", "spawn"):
        sizes[method] = size_of_first(load(Crops(), method))
    print(sizes)
    assert sizes == {
        "no workers": 256,
        "fork": 256,
        "forkserver": 64,
        "spawn": 64,
    }

# %%
# Why
# ---
# A forked worker begins as a copy of the main process, with all that it has in memory. The
# other two start a new Python, which imports the program's file under another name, so that
# nothing below ``if __name__ == "__main__":`` runs. Variables of the module have the values
# that its top level gives them. What the worker gets from the main process is the loader's
# part in it, by pickle: the dataset with its attributes, ``collate_fn``,
# ``worker_init_fn``.


class Modules(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return __name__


if __name__ == "__main__":
    ((name,),) = load(Modules(), "spawn")
    print("in the worker, this file is called", name)
    assert name == "__mp_main__"

# %%
# Which start method is the default depends on the system: `fork
# <https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods>`__ on
# Linux until Python 3.13, forkserver there since 3.14, and spawn on macOS and Windows. So a
# program that was right may fail after an update of Python, without an error.

# %%
# The fix
# -------
# Make the setting an attribute of the dataset. It goes where the dataset goes.


class SizedCrops(Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return crop(self.size)


fixed = load(SizedCrops(256), "spawn")

if __name__ == "__main__":
    fixed_size = size_of_first(fixed)
    print("spawn:", fixed_size)
    assert fixed_size == 256

# %%
# A ``collate_fn`` or a ``worker_init_fn`` gets it by ``functools.partial``. To keep a
# setting in a module, set it at its top level, before the ``if``: from an environment
# variable, or from a file.


def resize(samples, size):
    return torch.stack([sample[:size, :size] for sample in samples])


if __name__ == "__main__":
    collate_fn = functools.partial(resize, size=32)
    loader = DataLoader(
        SizedCrops(256),
        num_workers=1,
        collate_fn=collate_fn,
        multiprocessing_context="spawn",
    )
    size = size_of_first(loader)
    print("spawn, by functools.partial:", size)
    assert size == 32

# %%
# Proof
# -----
# The first crop of each.

if __name__ == "__main__":
    shown = {f"broken,\n{name}": size for name, size in sizes.items()}
    shown["fixed,\nspawn"] = fixed_size
    figure, axes = plt.subplots(1, 5, figsize=(7, 2.4), layout="constrained")
    for ax, (name, size) in zip(axes, shown.items(), strict=True):
        ax.imshow(crop(size))
        ax.set(xlim=(0, 256), ylim=(256, 0), xticks=[], yticks=[], title=name)
        ax.set_xlabel(f"{size} pixels")
    plt.show()

# %%
# Find it in your code
# --------------------
# Make a sample here, and let a worker make the same one. The start method must be the one
# that your program will have.


def same_in_a_worker(dataset, method):
    first, *_ = load(dataset, method)
    return torch.equal(first[0], dataset[0])


if __name__ == "__main__":
    same = {
        "broken, fork": same_in_a_worker(Crops(), "fork"),
        "broken, spawn": same_in_a_worker(Crops(), "spawn"),
        "fixed, spawn": same_in_a_worker(SizedCrops(256), "spawn"),
    }
    print(same)
    assert list(same.values()) == [True, False, True]

# %%
# No tool of this package finds it: nobody can tell which of a module's values were meant to
# reach the workers.

# %%
# See also
# --------
# * The dataset's attribute is right, and later changes of it do not arrive:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * Workers change the dataset, and the main process has the old one:
#   :doc:`/gallery/5_workers/plot_state_lost_in_workers`.
# * What else each start method copies, and what not:
#   :doc:`/gallery/explanations/plot_start_methods`.
# * :class:`torch.utils.data.DataLoader`, with its ``multiprocessing_context``.
