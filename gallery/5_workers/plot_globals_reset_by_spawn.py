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

* **You see:** A setting that the program changes has no effect in workers on macOS,
  Windows, or Linux since Python 3.14.
* **Because:** Under spawn and forkserver, each worker imports the module again, and the
  module's globals get their initial values.
* **Do:** Pass the setting as an attribute of the dataset.
"""

# %%
# See it happen
# -------------
# The top of the program sets a default crop size. The program then changes the size, for
# example from the command line. (Run this page as a script: a spawned worker cannot import
# the classes of a notebook.)

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
    SETTINGS["size"] = 256  # stands for a command line option

    sizes = {"no workers": size_of_first(load(Crops(), None, num_workers=0))}
    for method in ("fork", "forkserver", "spawn"):
        sizes[method] = size_of_first(load(Crops(), method))
    print("broken: a crop has", sizes["spawn"], "pixels instead of 256")
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
# A forked worker starts as a copy of the main process, with all variables. Spawn and
# forkserver start a new Python instead, which imports the program. Code below
# ``if __name__ == "__main__":`` does not run there, so globals keep the values of the
# module's top level. The worker gets only the parts of the loader by pickle.


class ReturnsModuleName(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return __name__


if __name__ == "__main__":
    ((name,),) = load(ReturnsModuleName(), "spawn")
    print("the worker imports this program as", name)
    assert name == "__mp_main__"

# %%
# The `default start method
# <https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods>`__
# depends on the system. Linux uses fork until Python 3.13 and forkserver since 3.14. macOS
# and Windows use spawn. A Python update can therefore break a program without an error.

# %%
# The fix
# -------
# Make the setting an attribute of the dataset, which the worker gets by pickle.


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
    print("fixed: a crop has", fixed_size, "pixels")
    assert fixed_size == 256

# %%
# Pass settings to a ``collate_fn`` or ``worker_init_fn`` with ``functools.partial``. To keep
# a setting in a global, read it at the module's top level, for example from an environment
# variable.


def cut_and_stack(samples, size):
    return torch.stack([sample[:size, :size] for sample in samples])


if __name__ == "__main__":
    collate_fn = functools.partial(cut_and_stack, size=32)
    loader = DataLoader(
        SizedCrops(256),
        num_workers=1,
        collate_fn=collate_fn,
        multiprocessing_context="spawn",
    )
    size = size_of_first(loader)
    print("spawn, with functools.partial:", size)
    assert size == 32

# %%
# Proof
# -----
# Compare the sizes of the first crop. Spawned workers reset the size to 64.


def plot(sizes, fixed_size):
    shown = {f"broken,\n{name}": size for name, size in sizes.items()}
    shown["fixed,\nspawn"] = fixed_size
    _, axes = plt.subplots(1, 5, figsize=(7, 2.4), layout="constrained")
    for ax, (name, size) in zip(axes, shown.items(), strict=True):
        ax.imshow(crop(size))
        ax.set(xlim=(0, 256), ylim=(256, 0), xticks=[], yticks=[], title=name)
        ax.set_xlabel(f"{size} pixels")
    plt.show()


if __name__ == "__main__":
    plot(sizes, fixed_size)

# %%
# Find it in your code
# --------------------
# Compare a sample from the main process with the same sample from a worker. Use the start
# method of your program.


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
# No tool of this package finds this failure. The code does not say which of a module's
# values are meant to reach the workers.

# %%
# See also
# --------
# * Changes of a dataset attribute do not reach the workers:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
# * Changes in a worker do not reach the main process:
#   :doc:`/gallery/5_workers/plot_state_lost_in_workers`.
# * Start methods copy different things:
#   :doc:`/gallery/explanations/plot_start_methods`.
# * The argument ``multiprocessing_context`` of :class:`torch.utils.data.DataLoader`.
