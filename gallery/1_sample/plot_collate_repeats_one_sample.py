# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Custom collate_fn repeats one sample in the whole batch
=======================================================

A ``collate_fn`` that reads ``batch[0]`` in a loop fills the batch with one sample.

* **You see:** ``dataset[i]`` differs for each index, but all rows of a batch are the
  same.
* **Because:** ``collate_fn`` uses one sample of its list for every row.
* **Do:** Use each sample in turn: ``torch.stack([x for x, _ in batch])``.
"""

# %%
# See it happen
# -------------
# A ``collate_fn`` gets a list of samples and returns a batch. This ``collate_fn`` reads
# the right labels, but reads the features of ``batch[0]`` for every row.

# sphinx_gallery_tags = ["same in every batch", "collate_fn"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset


class Features(Dataset):
    def __init__(self):
        self.features = torch.rand(32, 10)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index], index


def repeat_first_sample(batch):
    features = torch.stack([batch[0][0] for _ in batch])
    labels = torch.tensor([label for _, label in batch])
    return features, labels


broken = DataLoader(Features(), batch_size=4, collate_fn=repeat_first_sample)

if __name__ == "__main__":
    broken_batch, labels = next(iter(broken))
    distinct = len(broken_batch.unique(dim=0))
    print("broken:", distinct, "distinct of 4 samples in a batch")
    assert all(torch.equal(row, broken_batch[0]) for row in broken_batch)
    assert labels.tolist() == [0, 1, 2, 3]

# %%
# Why
# ---
# The dataset is right: its samples differ. ``batch`` is a list of samples, so
# ``batch[0][0]`` is always the features of the first sample.

if __name__ == "__main__":
    dataset = broken.dataset
    assert not torch.equal(dataset[0][0], dataset[1][0])
    assert torch.equal(broken_batch[3], dataset[0][0])
    print("row 3 of the batch is sample 0")

# %%
# Functions created in a loop repeat a value in the same way. Each function looks up
# ``k`` when it is called, and ``k`` then has its last value.

if __name__ == "__main__":
    looked_up = [lambda x: x + k for k in (0, 10, 20)]  # noqa: B023 - the failure
    kept = [lambda x, k=k: x + k for k in (0, 10, 20)]
    print("k looked up in the call:", [f(0) for f in looked_up])
    print("k kept as a default:    ", [f(0) for f in kept])
    assert [f(0) for f in looked_up] == [20, 20, 20]
    assert [f(0) for f in kept] == [0, 10, 20]

# %%
# The fix
# -------
# Unpack each sample in the loop, so that no index can be wrong. If you only stack
# samples, omit ``collate_fn``: PyTorch's default returns the same batch.


def use_every_sample(batch):
    features = torch.stack([x for x, _ in batch])
    labels = torch.tensor([label for _, label in batch])
    return features, labels


fixed = DataLoader(Features(), batch_size=4, collate_fn=use_every_sample)

if __name__ == "__main__":
    fixed_batch, labels = next(iter(fixed))
    distinct = len(fixed_batch.unique(dim=0))
    print("fixed:", distinct, "distinct of 4 samples in a batch")
    assert torch.equal(fixed_batch, fixed.dataset.features[:4])

    default = DataLoader(fixed.dataset, batch_size=4)
    assert torch.equal(next(iter(default))[0], fixed_batch)

# %%
# Proof
# -----
# Compare the rows of the two batches. A row is a sample, and a column is a feature.


def plot(broken_batch, fixed_batch):
    _, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
    for ax, title, batch in (
        (axes[0], "broken: 4 copies of one", broken_batch),
        (axes[1], "fixed: 4 samples", fixed_batch),
    ):
        ax.imshow(batch, vmin=0, vmax=1, cmap="cividis")
        ax.set(title=title, xlabel="feature", ylabel="label")
        ax.set(xticks=range(10), yticks=range(4))
    plt.show()


if __name__ == "__main__":
    plot(broken_batch, fixed_batch)

# %%
# Find it in your code
# --------------------
# Compare the rows of a batch with the samples of the dataset.


def rows_equal_samples(loader, indices=(0, 1, 2)):
    samples = [loader.dataset[index] for index in indices]
    features, _ = loader.collate_fn(samples)
    return torch.equal(features, torch.stack([x for x, _ in samples]))


if __name__ == "__main__":
    print("broken:", rows_equal_samples(broken))
    print("fixed: ", rows_equal_samples(fixed))
    assert not rows_equal_samples(broken)
    assert rows_equal_samples(fixed)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("collate-repeats-one-sample", "collate_fn")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * All rows of a batch are copies of the *last* sample:
#   :doc:`/gallery/1_sample/plot_reused_buffer`.
# * The rows differ, but all images have the same crop:
#   :doc:`/gallery/1_sample/plot_one_draw_for_the_whole_batch`.
# * PyTorch's documentation of the default: :func:`torch.utils.data.default_collate`.
