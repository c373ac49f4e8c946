# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
A batch repeats one sample, though the dataset is right
=======================================================

A collate function that names ``batch[0]`` in its loop makes a batch of one sample.

* **You see:** ``dataset[i]`` differs for each index, but all rows of a batch are the
  same.
* **Because:** ``collate_fn`` uses one sample of its list for all rows.
* **Do:** Use each sample in turn: ``torch.stack([x for x, _ in batch])``.
"""

# %%
# See it happen
# -------------
# A ``collate_fn`` gets a list of samples and returns a batch. This one has labels to put
# together as well, and got one index wrong.

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


def repeat_the_first(batch):
    features = torch.stack([batch[0][0] for _ in batch])
    labels = torch.tensor([label for _, label in batch])
    return features, labels


broken = DataLoader(Features(), batch_size=4, collate_fn=repeat_the_first)

if __name__ == "__main__":
    broken_batch, labels = next(iter(broken))
    print(broken_batch[:, :4], labels)
    assert all(torch.equal(row, broken_batch[0]) for row in broken_batch)
    assert labels.tolist() == [0, 1, 2, 3]

# %%
# Why
# ---
# The dataset is right, and so is the order: the labels show it. ``batch`` is a list of
# samples, so ``batch[0]`` is the first sample and ``batch[0][0]`` its features, whatever
# the loop has come to.

if __name__ == "__main__":
    dataset = broken.dataset
    assert not torch.equal(dataset[0][0], dataset[1][0])
    assert torch.equal(broken_batch[3], dataset[0][0])
    print("row 3 of the batch is sample 0")

# %%
# The same happens with functions that are made in a loop. Each looks up ``k`` when it is
# called, and by then ``k`` is the last one.

if __name__ == "__main__":
    late = [lambda x: x + k for k in (0, 10, 20)]  # noqa: B023 - the failure
    early = [lambda x, k=k: x + k for k in (0, 10, 20)]
    print("k looked up late: ", [function(0) for function in late])
    print("k kept by each:   ", [function(0) for function in early])
    assert [function(0) for function in late] == [20, 20, 20]
    assert [function(0) for function in early] == [0, 10, 20]

# %%
# The fix
# -------
# Name the parts of a sample in the loop, and there is no index to get wrong. If nothing
# else is to be done, leave ``collate_fn`` out: torch's own does this.


def use_each(batch):
    features = torch.stack([x for x, _ in batch])
    labels = torch.tensor([label for _, label in batch])
    return features, labels


fixed = DataLoader(Features(), batch_size=4, collate_fn=use_each)

if __name__ == "__main__":
    fixed_batch, labels = next(iter(fixed))
    print(fixed_batch[:, :4], labels)
    assert torch.equal(fixed_batch, fixed.dataset.features[:4])

    torchs_own = DataLoader(fixed.dataset, batch_size=4)
    assert torch.equal(next(iter(torchs_own))[0], fixed_batch)

# %%
# Proof
# -----
# The first batch of each loader. A row is a sample, a column is a feature.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
    for ax, title, batch in (
        (axes[0], "broken: the first sample four times", broken_batch),
        (axes[1], "fixed: four samples", fixed_batch),
    ):
        ax.imshow(batch, vmin=0, vmax=1, cmap="cividis")
        ax.set(title=title, xlabel="feature", ylabel="label")
        ax.set(xticks=range(10), yticks=range(4))
    plt.show()

# %%
# Find it in your code
# --------------------
# Compare a batch with the samples that it was made of.


def rows_are_the_samples(loader, indices=(0, 1, 2)):
    samples = [loader.dataset[index] for index in indices]
    features, _ = loader.collate_fn(samples)
    return all(
        torch.equal(row, x)
        for row, (x, _) in zip(features, samples, strict=True)
    )


if __name__ == "__main__":
    print("broken:", rows_are_the_samples(broken))
    print("fixed: ", rows_are_the_samples(fixed))
    assert not rows_are_the_samples(broken)
    assert rows_are_the_samples(fixed)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * The rows are the same, and it is the *last* sample:
#   :doc:`/gallery/1_sample/plot_reused_buffer`.
# * The rows differ, but all are cropped alike:
#   :doc:`/gallery/1_sample/plot_one_draw_for_the_whole_batch`.
# * What torch does with a list of samples: :func:`torch.utils.data.default_collate`.
