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
dataset[i] is transformed, and batches are not
==============================================

The DataLoader prefers ``__getitems__``, and a wrapper may have one without knowing.

* **You see:** ``dataset[0]`` is right, but what comes out of the DataLoader never went
  through the transform.
* **Because:** A DataLoader asks for a whole batch by ``__getitems__`` if the dataset
  has it, and this wrapper has inherited it, or hands it through by ``__getattr__``.
* **Do:** Give the wrapper a ``__getitems__`` of its own: ``return [self[i] for i in
  indices]``.
"""

# %%
# See it happen
# -------------
# A dataset that can read many samples at once offers ``__getitems__``, as those of Hugging
# Face do. A wrapper adds a transform to it, and hands everything else through.

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
    """The images of another dataset, as negatives."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.transform = v2.RandomInvert(p=1)

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.transform(self.dataset[index])

    def __getattr__(self, name):  # asked for what the wrapper does not have
        if name == "dataset":  # not there yet while a worker unpickles it
            raise AttributeError(name)
        return getattr(self.dataset, name)


broken = DataLoader(Inverted(Images()), batch_size=4)


def is_transformed(loader):
    """Compare a batch with the samples that the dataset itself gives."""
    batch = next(iter(loader))
    samples = [loader.dataset[i] for i in range(len(batch))]
    return torch.equal(batch, torch.stack(samples))


if __name__ == "__main__":
    print("a batch is what dataset[i] is:", is_transformed(broken))
    assert not is_transformed(broken)
    assert torch.equal(next(iter(broken)), broken.dataset.dataset.images[:4])

# %%
# Why
# ---
# For each batch the DataLoader looks for ``dataset.__getitems__``, and only without one
# does it ask for ``dataset[i]``. ``__getattr__`` finds the one of the wrapped dataset. A
# class that inherits ``__getitems__`` and overrides ``__getitem__`` alone has the same
# failure. Without batches, ``batch_size=None``, there is nothing to prefer.


class InvertedSubclass(Images):
    def __getitem__(self, index):
        return 255 - super().__getitem__(index)


if __name__ == "__main__":
    print("has __getitems__:", broken.dataset.__getitems__.__qualname__)
    assert broken.dataset.__getitems__.__qualname__ == "Images.__getitems__"

    inherited = DataLoader(InvertedSubclass(), batch_size=4)
    print(
        "inherited: a batch is what dataset[i] is:", is_transformed(inherited)
    )
    assert not is_transformed(inherited)

    sample = next(iter(DataLoader(broken.dataset, batch_size=None)))
    assert torch.equal(sample, broken.dataset[0])

# %%
# :class:`torch.utils.data.Subset` has ``__getitems__``, too. It refuses a subclass that
# overrides only half. Older releases, such as torch 2.6, bypass it without a word.


class InvertedSubset(Subset):
    def __getitem__(self, index):
        return 255 - super().__getitem__(index)


if __name__ == "__main__":
    try:
        subset = InvertedSubset(Images(), range(12))
        outcome = is_transformed(DataLoader(subset, batch_size=4))
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
# A class that says what one sample is says what many are.


class InvertedBothWays(Inverted):
    def __getitems__(self, indices):
        return [self[i] for i in indices]


fixed = DataLoader(InvertedBothWays(Images()), batch_size=4)

if __name__ == "__main__":
    print("a batch is what dataset[i] is:", is_transformed(fixed))
    assert is_transformed(fixed)

# %%
# Proof
# -----
# One sample and one batch of each loader.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 5, figsize=(8, 3.6), layout="constrained")
    for row, name, loader in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        images = [loader.dataset[0], *next(iter(loader))]
        titles = [f"{name}: dataset[0]", *(f"batch[{i}]" for i in range(4))]
        for ax, image, title in zip(row, images, titles, strict=True):
            ax.imshow(image.permute(1, 2, 0))
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=9)
    plt.show()

# %%
# Find it in your code
# --------------------
# Ask the dataset in both ways. With a random augmentation, seed before each.


def same_both_ways(dataset, index=0):
    if not hasattr(dataset, "__getitems__"):
        return True
    torch.manual_seed(0)
    one = dataset[index]
    torch.manual_seed(0)
    return torch.equal(one, dataset.__getitems__([index])[0])


if __name__ == "__main__":
    print("broken:", same_both_ways(broken.dataset))
    print("fixed: ", same_both_ways(fixed.dataset))
    assert not same_both_ways(broken.dataset)
    assert same_both_ways(fixed.dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * The transform is called, and changes nothing:
#   :doc:`/gallery/1_sample/plot_transform_that_does_nothing`.
# * `pytorch/pytorch#163184 <https://github.com/pytorch/pytorch/issues/163184>`__: where
#   others met it.
# * What a map-style dataset may offer: :class:`torch.utils.data.Dataset`.
