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
Dataset samples change every epoch without augmentation
=======================================================

An operation such as ``*=`` on a stored sample changes the data of the next epoch.

* **You see:** The same index returns different features in every epoch, although no
  transform is random.
* **Because:** ``__getitem__`` edits the stored data in place, so the next epoch
  starts from edited data.
* **Do:** Edit a copy: ``x = self.features[index].clone()``.
"""

# %%
# See it happen
# -------------
# This dataset stores eight pieces of a photograph and darkens each piece in place.

# sphinx_gallery_tags = ["wrong samples", "dataset", "memory"]
# sphinx_gallery_parallel = False

import copy
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file) / 255, dtype=torch.float32)


class DarkImages(Dataset):
    def __init__(self):
        pieces = [PHOTOGRAPH[60 * i :, 100:400][:160] for i in range(8)]
        self.images = torch.stack(pieces)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]  # the row is a view of the stored data
        image *= 0.7
        return image


broken = DataLoader(DarkImages(), batch_size=4)


def first_images(loader, epochs):
    """Return the image of index 0 in each epoch."""
    return [next(iter(list(loader)))[0].clone() for _ in range(epochs)]


def brightness(images):
    return [round(float(image.mean()), 3) for image in images]


if __name__ == "__main__":
    darker = first_images(broken, epochs=4)
    print("broken: brightness of index 0 in 4 epochs:", brightness(darker))
    for before, after in pairwise(darker):
        assert torch.allclose(after, 0.7 * before)

# %%
# Why
# ---
# ``self.images[index]`` is a view, so ``*=`` writes into ``self.images``. ``+=``,
# ``x[mask] = 0`` and methods that end in an underscore also write in place.
#
# The symptom depends on the workers. Forked workers start each epoch with a fresh copy
# of the unedited data, so every epoch is the same. Persistent workers keep their edited
# copy and darken it further.

if __name__ == "__main__":
    first, second, third = stored = torch.ones(3, 2)  # each name is a view
    first += 1
    second[second > 0] = 0
    third.mul_(3)
    print("stored:", stored.tolist())
    assert stored.tolist() == [[2, 2], [0, 0], [3, 3]]

    for persistent in (False, True):
        loader = DataLoader(
            DarkImages(),
            batch_size=4,
            num_workers=2,
            persistent_workers=persistent,
            multiprocessing_context="fork",
        )
        seen = brightness(first_images(loader, epochs=3))
        print(f"forked workers, {persistent=}: {seen}")
        assert (seen[0] == seen[1] == seen[2]) is not persistent
        assert (seen[0] > seen[1] > seen[2]) is persistent
    del loader  # deleting the loader ends its workers

# %%
# Workers started by ``spawn`` or ``forkserver`` share the memory of a *tensor* with the
# main process. An edit in a worker therefore changes the tensor in the main process. A
# NumPy array is copied for each worker. (Run this cell as a script: a spawned worker
# cannot import the classes of a notebook.)


class StoresBoth(Dataset):
    def __init__(self):
        self.tensor = torch.ones(8)
        self.array = np.ones(8)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.tensor[index] *= 0.7
        self.array[index] *= 0.7
        return index


if __name__ == "__main__":
    for method in ("fork", "forkserver", "spawn"):
        dataset = StoresBoth()
        list(
            DataLoader(dataset, num_workers=1, multiprocessing_context=method)
        )
        print(
            f"{method:10} main process afterwards:",
            f"tensor {dataset.tensor.mean():.1f},",
            f"array {dataset.array.mean():.1f}",
        )
        assert (dataset.tensor < 1).all() == (method != "fork")
        assert (dataset.array == 1).all()

# %%
# The fix
# -------
# Create a new tensor: ``image * 0.7`` instead of ``image *= 0.7``. If another function
# edits in place, pass a copy to the function.


class DarkensACopy(DarkImages):
    def __getitem__(self, index):
        image = self.images[index].clone()
        image *= 0.7
        return image


fixed = DataLoader(DarkensACopy(), batch_size=4)

if __name__ == "__main__":
    stable = first_images(fixed, epochs=4)
    print("fixed: brightness of index 0 in 4 epochs:", brightness(stable))
    assert all(torch.equal(image, stable[0]) for image in stable)

# %%
# Proof
# -----
# Each row shows one sample in four epochs. Only the first row gets darker.


def plot(darker, stable):
    _, axes = plt.subplots(2, 4, figsize=(8, 3), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", darker),
        (axes[1], "fixed", stable),
    ):
        for epoch, (ax, image) in enumerate(zip(row, images, strict=True)):
            ax.imshow(image, vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[], title=f"epoch {epoch}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(darker, stable)

# %%
# Find it in your code
# --------------------
# Copy the dataset and read one index twice. Without random augmentation, both samples
# must be equal.


def same_twice(dataset):
    dataset = copy.deepcopy(dataset)
    first = dataset[0].clone()
    return torch.equal(first, dataset[0])


if __name__ == "__main__":
    print("broken:", same_twice(broken.dataset))
    print("fixed: ", same_twice(fixed.dataset))
    assert not same_twice(broken.dataset)
    assert same_twice(fixed.dataset)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("inplace-edit-of-stored-data", "dataset.images")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The second read returns another *sample*:
#   :doc:`/gallery/1_sample/plot_stateful_cursor`.
# * The returned sample changes, but the stored data stays the same:
#   :doc:`/gallery/1_sample/plot_reused_buffer`.
# * Objects that spawned workers share or copy:
#   :doc:`/gallery/explanations/plot_start_methods`.
# * `pytorch/pytorch#51849 <https://github.com/pytorch/pytorch/issues/51849>`__ explains
#   why spawned workers share tensors with the main process.
