# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
WeightedRandomSampler draws only the first few samples
======================================================

WeightedRandomSampler gives the n-th weight to the n-th sample, whatever its class.

* **You see:** An epoch has the right length but repeats the same few samples.
* **Because:** ``WeightedRandomSampler`` got one weight for each class but needs one
  weight for each sample.
* **Do:** Pass ``class_weights[labels]``, which holds the weight of each sample's class.
"""

# %%
# See it happen
# -------------
# The dataset has 90 samples of class 0 and 10 samples of class 1. The sampler should draw
# both classes equally often, but it gets one weight for each class.

# sphinx_gallery_tags = ["missing samples", "sampler"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

labels = torch.tensor([0] * 90 + [1] * 10)
dataset = TensorDataset(torch.arange(100), labels)
class_weights = 1 / torch.bincount(labels)

broken = DataLoader(
    dataset,
    batch_size=10,
    sampler=WeightedRandomSampler(class_weights, num_samples=100),
)


def indices_and_labels(loader):
    indices, drawn = zip(*loader, strict=True)
    return torch.cat(indices).tolist(), torch.cat(drawn).tolist()


if __name__ == "__main__":
    broken_indices, broken_labels = indices_and_labels(broken)
    print("broken:", len(set(broken_indices)), "distinct samples of 100")
    print("labels:", dict(Counter(broken_labels)))
    assert set(broken_indices) == {0, 1}
    assert set(broken_labels) == {0}

# %%
# Why
# ---
# ``WeightedRandomSampler`` does not know the dataset. The sampler draws positions in the
# list of weights. Two weights are therefore two samples, here both of class 0.
#
# PyTorch does not compare the number of weights with ``len(dataset)``. ``num_samples``
# only sets the number of draws.

if __name__ == "__main__":
    sampler = WeightedRandomSampler([1.0, 1.0, 1.0], num_samples=3000)
    assert set(sampler) == {0, 1, 2}
    assert len(broken) == 10  # batches, as the dataset's length suggests

# %%
# The fix
# -------
# Look up the weight of each sample's class. Use ``num_samples=len(dataset)`` in training;
# this example draws 1000 samples to measure the share of each class.

sample_weights = class_weights[labels]
assert len(sample_weights) == len(dataset)

fixed = DataLoader(
    dataset,
    batch_size=10,
    sampler=WeightedRandomSampler(sample_weights, num_samples=1000),
)

if __name__ == "__main__":
    fixed_indices, fixed_labels = indices_and_labels(fixed)
    share = sum(fixed_labels) / len(fixed_labels)
    print("fixed:", len(set(fixed_indices)), "distinct samples of 100")
    print(
        f"class 1: {share:.0%} of draws, {sum(labels) / len(labels):.0%} of data"
    )
    assert abs(share - 0.5) < 0.1
    assert len(set(fixed_indices)) > 50

# %%
# A weighted sampler draws with replacement by default. Even with equal weights, an epoch
# of the dataset's length misses about 37 % of the samples.
#
# Balancing repeats rare samples. Here 10 samples fill half of 100 draws, so each sample
# comes 5 times.

if __name__ == "__main__":
    equal = WeightedRandomSampler(torch.ones(10_000), num_samples=10_000)
    missing = 1 - len(set(equal)) / 10_000
    print(f"left out with equal weights: {missing:.1%}")
    assert abs(missing - 0.368) < 0.03

    times = Counter(WeightedRandomSampler(sample_weights, num_samples=100_000))
    rare = sum(times[index] for index in range(90, 100)) / 10 / 1000
    print(f"a sample of class 1 comes {rare:.1f} times in 100 draws")
    assert abs(rare - 5) < 0.5

# %%
# Proof
# -----
# The bars show how often each sample was drawn. The first picture has two bars.


def plot(broken_indices, fixed_indices):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.4), sharex=True, layout="constrained"
    )
    for ax, name, indices in (
        (axes[0], "broken", broken_indices),
        (axes[1], "fixed", fixed_indices),
    ):
        times = Counter(indices)
        ax.bar(range(100), [times[i] for i in range(100)], color="#3b6fb6")
        ax.axvline(89.5, linestyle="--", color="gray")
        ax.set(title=f"{name}: {len(times)} different samples", ylabel="draws")
    axes[1].set(xlabel="sample (class 1 is right of the line)")
    plt.show()


if __name__ == "__main__":
    plot(broken_indices, fixed_indices)

# %%
# Find it in your code
# --------------------
# The sampler needs as many weights as the dataset has samples.


def has_a_weight_for_each_sample(loader):
    return len(loader.sampler.weights) == len(loader.dataset)


if __name__ == "__main__":
    print("broken:", has_a_weight_for_each_sample(broken))
    print("fixed: ", has_a_weight_for_each_sample(fixed))
    assert not has_a_weight_for_each_sample(broken)
    assert has_a_weight_for_each_sample(fixed)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("class-weights-as-sample-weights", "sampler.weights")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * A custom sampler draws with replacement:
#   :doc:`/gallery/3_order/plot_sampler_repeats_indices`.
# * Every index returns the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * :class:`torch.utils.data.WeightedRandomSampler`.
