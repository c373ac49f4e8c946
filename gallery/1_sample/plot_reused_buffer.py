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
A batch holds copies of its last sample
=======================================

A buffer that is filled again for each sample is one object, however often it is returned.

* **You see:** All rows of a batch are the same, and it is the row of the last sample.
* **Because:** The dataset fills one buffer again and again and returns it each time, so
  that all samples of a batch are one object.
* **Do:** Return a copy: ``return self.buffer.clone()``.
"""

# %%
# See it happen
# -------------
# To save memory, this dataset keeps one buffer, fills it with the sample and returns it.

# sphinx_gallery_tags = ["same in every batch", "dataset", "memory"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class OneBuffer(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)
        self.buffer = torch.empty(10)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        self.buffer.copy_(self.features[index])
        return self.buffer


broken = DataLoader(OneBuffer(), batch_size=4)


def is_last_sample_repeated(batch, features, last):
    return all(torch.equal(row, features[last]) for row in batch)


if __name__ == "__main__":
    features = broken.dataset.features
    broken_batch = next(iter(broken))
    print(broken_batch[:, :4])
    assert is_last_sample_repeated(broken_batch, features, last=3)

    # It makes no difference who makes the batch.
    batch = next(iter(DataLoader(broken.dataset, batch_size=4, num_workers=1)))
    assert is_last_sample_repeated(batch, features, last=3)

# %%
# Why
# ---
# The samples of a batch are collected in a list, and only then copied into one tensor.
# Here the list holds the same buffer four times. By the time that it is copied, the
# buffer holds the last sample.

if __name__ == "__main__":
    samples = next(
        iter(DataLoader(OneBuffer(), batch_size=4, collate_fn=list))
    )
    print("different objects in the list:", len({id(s) for s in samples}))
    assert len({id(sample) for sample in samples}) == 1

# %%
# A NumPy array that is filled again does the same, and so does a dict.


class OneArray(OneBuffer):
    def __getitem__(self, index):
        array = self.buffer.numpy()
        np.copyto(array, self.features[index].numpy())
        return array


class OneDict(OneBuffer):
    def __init__(self):
        super().__init__()
        self.sample = {}

    def __getitem__(self, index):
        self.sample["x"] = self.features[index]
        return self.sample


if __name__ == "__main__":
    dataset = OneArray()
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert is_last_sample_repeated(batch, dataset.features, last=3)
    dataset = OneDict()
    batch = next(iter(DataLoader(dataset, batch_size=4)))["x"]
    assert is_last_sample_repeated(batch, dataset.features, last=3)
    print("the last sample four times: array, dict")

# %%
# With ``batch_size=None`` there is no copy at all. A worker hands over the buffer's own
# memory, and goes on writing to it. Samples then change after they were delivered.

if __name__ == "__main__":
    unbatched = DataLoader(OneBuffer(), batch_size=None, num_workers=1)
    delivered = list(unbatched)
    distinct = len({tuple(sample.tolist()) for sample in delivered})
    print(f"{len(delivered)} samples kept in a list, {distinct} distinct")
    assert distinct == 1

# %%
# The fix
# -------
# Return a copy, or do without the buffer. For an array the copy is ``.copy()``, and a
# dict is written anew for each sample: ``return {"x": ...}``.


class Copies(OneBuffer):
    def __getitem__(self, index):
        self.buffer.copy_(self.features[index])
        return self.buffer.clone()


fixed = DataLoader(Copies(), batch_size=4)

if __name__ == "__main__":
    fixed_batch = next(iter(fixed))
    print(fixed_batch[:, :4])
    assert torch.equal(fixed_batch, fixed.dataset.features[:4])

    unbatched = DataLoader(Copies(), batch_size=None, num_workers=1)
    assert torch.equal(
        torch.stack(list(unbatched)), unbatched.dataset.features
    )

# %%
# Proof
# -----
# The first batch of each loader. A row is a sample, a column is a feature.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
    for ax, title, batch in (
        (axes[0], "broken: the last sample four times", broken_batch),
        (axes[1], "fixed: four samples", fixed_batch),
    ):
        ax.imshow(batch, vmin=0, vmax=1, cmap="cividis")
        ax.set(title=title, xlabel="feature", ylabel="sample in the batch")
        ax.set(xticks=range(10), yticks=range(4))
    plt.show()

# %%
# Find it in your code
# --------------------
# Leave the DataLoader out: keep one sample, ask for another, and look at the first again.


def survives_the_next(dataset):
    sample = dataset[0]
    before = sample.clone()
    dataset[1]
    return torch.equal(sample, before)


if __name__ == "__main__":
    print("broken:", survives_the_next(broken.dataset))
    print("fixed: ", survives_the_next(fixed.dataset))
    assert not survives_the_next(broken.dataset)
    assert survives_the_next(fixed.dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("reused-buffer", "dataset.buffer")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The rows of a batch are the same, but the samples are different objects:
#   :doc:`/gallery/1_sample/plot_collate_repeats_one_sample`.
# * The stored data changes, not only what is returned:
#   :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`.
# * How samples become a batch: :func:`torch.utils.data.default_collate`.
