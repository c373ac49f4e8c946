# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Custom DataLoader yields the same batch several times
=====================================================

A loader that keeps its batches also keeps their order and their augmentation.

* **You see:** A subclass or wrapper of the DataLoader delivers the same batches again,
  although the sampler draws new indices.
* **Because:** The loader's own ``__iter__`` keeps a batch, and yields it again.
* **Do:** Yield from ``super().__iter__()`` in the loader's ``__iter__``.
"""

# %%
# See it happen
# -------------
# This loader copies the batches of the first epoch to the device, and keeps the copies
# for all later epochs.

# sphinx_gallery_tags = ["same in every epoch", "cache", "memory"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

DEVICE = torch.device("cpu")  # "cuda" on your machine


class Noisy(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return torch.full((20,), float(index)) + torch.rand(()) / 2


class DeviceLoader(DataLoader):
    batches = None

    def __iter__(self):
        if self.batches is None:
            self.batches = [batch.to(DEVICE) for batch in super().__iter__()]
        return iter(self.batches)


broken = DeviceLoader(Noisy(), batch_size=4, shuffle=True)


def read(loader):
    """Return the first feature of each sample of an epoch."""
    return torch.cat([batch[:, 0] for batch in loader]).tolist()


if __name__ == "__main__":
    broken_epochs = [read(broken) for _ in range(3)]
    distinct = len(set(map(tuple, broken_epochs)))
    print("broken:", distinct, "distinct epoch of 3")
    assert distinct == 1

# %%
# Why
# ---
# ``for batch in loader`` calls the loader's ``__iter__``. The sampler, the workers and the
# random transforms run only if that method calls ``super().__iter__()``. Here the
# calls end with the first epoch.

if __name__ == "__main__":
    assert list(broken.sampler) != list(broken.sampler)  # draws new indices
    torchs_own = [read(DataLoader.__iter__(broken)) for _ in range(2)]
    print("the same loader with torch's __iter__ repeats its epoch:", end=" ")
    print(torchs_own[0] == torchs_own[1])
    assert torchs_own[0] != torchs_own[1]

# %%
# Some loaders yield each batch several times to save reading time. An off-by-one error
# then goes unnoticed: this loader begins to count at the second delivery.


class Echo(DataLoader):
    times = 2

    def __iter__(self):
        for batch in super().__iter__():
            yield batch
            for _ in range(self.times):
                yield batch


echo = Echo(Noisy(), batch_size=4, shuffle=True)

if __name__ == "__main__":
    first, *others = (batch.tolist() for batch in echo)
    print("the first batch comes", 1 + others.count(first), "times")
    assert 1 + others.count(first) == 3
    assert len(others) == 3 * len(echo) - 1

# %%
# The fix
# -------
# Get each epoch from ``super().__iter__()``, and keep no batch.


class FreshDeviceLoader(DataLoader):
    def __iter__(self):
        for batch in super().__iter__():
            yield batch.to(DEVICE)


fixed = FreshDeviceLoader(Noisy(), batch_size=4, shuffle=True)

if __name__ == "__main__":
    fixed_epochs = [read(fixed) for _ in range(3)]
    distinct = len(set(map(tuple, fixed_epochs)))
    print("fixed:", distinct, "distinct epochs of 3")
    assert distinct == 3

# %%
# If reading is slow, keep what is read in the *dataset*, before any random transform. The
# loader then shuffles and augments in each epoch.


class KeepsRaw(Noisy):
    def __init__(self):
        self.raw = [torch.full((20,), float(i)) for i in range(16)]

    def __getitem__(self, index):
        return self.raw[index] + torch.rand(()) / 2


keeps_raw = DataLoader(KeepsRaw(), batch_size=4, shuffle=True)

if __name__ == "__main__":
    assert read(keeps_raw) != read(keeps_raw)

# %%
# Proof
# -----
# Each row is one epoch. The numbers are the indices, and the colours are their noise.


def plot(broken_epochs, fixed_epochs):
    _, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, epochs in (
        (axes[0], "broken", broken_epochs),
        (axes[1], "fixed", fixed_epochs),
    ):
        noise = torch.tensor(epochs) % 1
        ax.imshow(noise, vmin=0, vmax=0.5, cmap="cividis", aspect="auto")
        for row, epoch in enumerate(epochs):
            for column, value in enumerate(epoch):
                colour = "white" if value % 1 < 0.25 else "black"
                text = {"ha": "center", "va": "center", "color": colour}
                ax.text(column, row, int(value), **text)
        ax.set(title=name, ylabel="epoch", xticks=[], yticks=range(3))
    plt.show()


if __name__ == "__main__":
    plot(broken_epochs, fixed_epochs)

# %%
# Find it in your code
# --------------------
# Compare two epochs of the loader that your loop iterates. A shuffled loader returns the
# same samples twice only if something keeps them.


def repeats_its_epoch(loader):
    one, other = ([str(batch) for batch in loader] for _ in range(2))
    return one == other


if __name__ == "__main__":
    print("broken:", repeats_its_epoch(broken))
    print("fixed: ", repeats_its_epoch(fixed))
    assert repeats_its_epoch(broken)
    assert not repeats_its_epoch(fixed)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The audit
# compares what your ``__iter__`` delivers with what torch's ``__iter__`` delivers.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("loader-repeats-batches", "loader.__iter__")
    ]
    assert dejabatch.audit(fixed).ok
    assert dejabatch.audit(keeps_raw).ok

    (finding,) = dejabatch.audit(echo).findings
    print(finding.evidence)
    assert finding.slug == "loader-repeats-batches"
    assert "4 of 12 batches" in finding.evidence
    meant = dejabatch.Expect(repeats=True)
    assert dejabatch.audit(echo, expect=meant).ok

# %%
# See also
# --------
# * The loop, not the loader, keeps the batches:
#   :doc:`/gallery/3_order/plot_itertools_cycle`.
# * Each step starts a new epoch: :doc:`/gallery/3_order/plot_next_iter_in_the_loop`.
# * A cache in the dataset keeps augmented samples:
#   :doc:`/gallery/1_sample/plot_cached_augmentation`.
# * A loader with this off-by-one error was reported in `nerfstudio#2492
#   <https://github.com/nerfstudio-project/nerfstudio/issues/2492>`__.
