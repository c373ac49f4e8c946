# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Transform works for dataset[i] but not for DataLoader batches
=============================================================

The DataLoader prefers ``__getitems__``, which a wrapper can inherit by accident.

* **You see:** ``dataset[0]`` is transformed, but the batches of the DataLoader
  contain the original samples.
* **Because:** The DataLoader prefers ``__getitems__`` to ``__getitem__``, and an
  inherited or forwarded ``__getitems__`` skips the transform.
* **Do:** Give the wrapper its own ``__getitems__``: ``return [self[i] for i in
  indices]``.
"""

# %%
# See it happen
# -------------
# ``Images`` can read many samples at once with ``__getitems__``. ``Inverted`` adds a
# transform to ``Images`` and forwards all other attributes.

# sphinx_gallery_tags = ["not augmented", "dataset", "transform"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file)).permute(2, 0, 1)


class Images(Dataset):
    def __init__(self):
        self.images = torch.stack(
            [PHOTOGRAPH[:, 20 * i :, 100:][:, :200, :200] for i in range(12)]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]

    def __getitems__(self, indices):
        return list(self.images[indices])


class Inverted(Dataset):
    """Invert the images of another dataset."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.transform = v2.RandomInvert(p=1)

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.transform(self.dataset[index])

    def __getattr__(self, name):  # runs if the wrapper lacks the name
        if name == "dataset":  # unpickling has not set it yet
            raise AttributeError(name)
        return getattr(self.dataset, name)


broken = DataLoader(Inverted(Images()), batch_size=4)


def batch_equals_samples(loader):
    """Return whether a batch equals the samples ``dataset[i]``."""
    batch = next(iter(loader))
    samples = [loader.dataset[i] for i in range(len(batch))]
    return torch.equal(batch, torch.stack(samples))


if __name__ == "__main__":
    print("broken: the batch equals dataset[i]:", batch_equals_samples(broken))
    assert not batch_equals_samples(broken)
    assert torch.equal(next(iter(broken)), broken.dataset.dataset.images[:4])

# %%
# Why
# ---
# If the dataset has ``__getitems__``, the DataLoader calls ``__getitems__`` for each
# batch. Otherwise, the DataLoader calls ``dataset[i]``. Here ``__getattr__`` returns
# the method of the wrapped dataset.
#
# A subclass that overrides only ``__getitem__`` has the same failure. With
# ``batch_size=None``, the DataLoader always calls ``dataset[i]``.


class InvertedSubclass(Images):
    def __getitem__(self, index):
        return 255 - super().__getitem__(index)


if __name__ == "__main__":
    print("called method:", broken.dataset.__getitems__.__qualname__)
    assert broken.dataset.__getitems__.__qualname__ == "Images.__getitems__"

    inherited = DataLoader(InvertedSubclass(), batch_size=4)
    equal = batch_equals_samples(inherited)
    print("subclass: the batch equals dataset[i]:", equal)
    assert not equal

    sample = next(iter(DataLoader(broken.dataset, batch_size=None)))
    assert torch.equal(sample, broken.dataset[0])

# %%
# :class:`torch.utils.data.Subset` has ``__getitems__``, too. Recent releases of PyTorch
# reject a ``Subset`` subclass that overrides only ``__getitem__``. Older releases, such
# as torch 2.6, ignore the override.


class InvertedSubset(Subset):
    def __getitem__(self, index):
        return 255 - super().__getitem__(index)


if __name__ == "__main__":
    try:
        subset = InvertedSubset(Images(), range(12))
        outcome = batch_equals_samples(DataLoader(subset, batch_size=4))
    except NotImplementedError:
        outcome = "refused"
    print(f"torch {torch.__version__}, subclass of Subset:", outcome)
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    if (major, minor) >= (2, 14):
        assert outcome == "refused"
    elif (major, minor) <= (2, 6):
        assert outcome is False

# %%
# The fix
# -------
# Define ``__getitem__`` and ``__getitems__`` in the same class.


class InvertedBothWays(Inverted):
    def __getitems__(self, indices):
        return [self[i] for i in indices]


fixed = DataLoader(InvertedBothWays(Images()), batch_size=4)

if __name__ == "__main__":
    print("fixed: the batch equals dataset[i]:", batch_equals_samples(fixed))
    assert batch_equals_samples(fixed)

# %%
# Proof
# -----
# Each row shows ``dataset[0]`` and one batch. Only the second batch is inverted.


def plot():
    _, axes = plt.subplots(2, 5, figsize=(8, 3.6), layout="constrained")
    for row, name, loader in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        images = [loader.dataset[0], *next(iter(loader))]
        titles = ["dataset[0]", *(f"batch[{i}]" for i in range(4))]
        row[0].set_ylabel(name)
        for ax, image, title in zip(row, images, titles, strict=True):
            ax.imshow(image.permute(1, 2, 0))
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=13)
    plt.show()


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Read one sample through both methods, with the same seed.


def same_with_getitems(dataset, index=0):
    if not hasattr(dataset, "__getitems__"):
        return True
    torch.manual_seed(0)
    sample = dataset[index]
    torch.manual_seed(0)
    return torch.equal(sample, dataset.__getitems__([index])[0])


if __name__ == "__main__":
    print("broken:", same_with_getitems(broken.dataset))
    print("fixed: ", same_with_getitems(fixed.dataset))
    assert not same_with_getitems(broken.dataset)
    assert same_with_getitems(fixed.dataset)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("getitems-bypass", "dataset.__getitems__")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The transform runs, but changes nothing:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * Users reported this failure in `pytorch/pytorch#163184
#   <https://github.com/pytorch/pytorch/issues/163184>`__.
# * PyTorch's documentation of map-style datasets: :class:`torch.utils.data.Dataset`.
