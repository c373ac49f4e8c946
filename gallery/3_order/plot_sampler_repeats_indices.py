# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Some samples repeat in an epoch and others are missing
======================================================

An epoch of the right length may still repeat some samples and leave others out.

* **You see:** An epoch has the right length, but some samples come twice and others
  never.
* **Because:** The sampler yields some indices more than once and never yields others.
* **Do:** Yield every index once: ``yield from torch.randperm(len(dataset)).tolist()``.
"""

# %%
# See it happen
# -------------
# This sampler draws a random index for every position in an epoch.

# sphinx_gallery_tags = ["missing samples", "sampler"]
# sphinx_gallery_parallel = False

from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

LENGTH = 64
dataset = TensorDataset(torch.arange(LENGTH))


class RandomIndex(Sampler):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        for _ in range(self.length):
            yield torch.randint(self.length, ()).item()

    def __len__(self):
        return self.length


broken = DataLoader(dataset, batch_size=8, sampler=RandomIndex(LENGTH))


def times_of_each(loader):
    return Counter(torch.cat([batch for (batch,) in loader]).tolist())


if __name__ == "__main__":
    broken_times = times_of_each(broken)
    total = broken_times.total()
    print("broken:", len(broken_times), "distinct of", total, "samples")
    print("most frequent (sample, times):", broken_times.most_common(3))
    assert broken_times.total() == LENGTH
    assert len(broken_times) < LENGTH

# %%
# Why
# ---
# The sampler draws *with replacement*: each draw ignores the earlier draws. An epoch of
# n draws misses each sample with probability (1 - 1/n)\ :sup:`n`, about 37 %.
# ``RandomSampler(replacement=True)`` and :class:`~torch.utils.data.WeightedRandomSampler`
# draw with replacement, too.

if __name__ == "__main__":
    missing = [LENGTH - len(times_of_each(broken)) for _ in range(100)]
    measured, predicted = (
        sum(missing) / 100 / LENGTH,
        (1 - 1 / LENGTH) ** LENGTH,
    )
    print(f"missing from an epoch: {measured:.1%}, predicted {predicted:.1%}")
    assert abs(measured - predicted) < 0.03

# %%
# The fix
# -------
# Yield each index once, in random order. ``shuffle=True`` does the same.


class EachIndexOnce(RandomIndex):
    def __iter__(self):
        yield from torch.randperm(self.length).tolist()


fixed = DataLoader(dataset, batch_size=8, sampler=EachIndexOnce(LENGTH))

if __name__ == "__main__":
    fixed_times = times_of_each(fixed)
    print("fixed:", len(fixed_times), "distinct of", LENGTH, "samples")
    assert len(fixed_times) == fixed_times.total() == LENGTH

# %%
# On several ranks, this order depends on the seed of each rank. Ranks with different
# seeds do not split the samples: :doc:`/gallery/6_ranks/plot_ranks_disagree`.

if __name__ == "__main__":
    orders = []
    for seed in range(2):
        torch.manual_seed(seed)
        orders.append(list(EachIndexOnce(LENGTH)))
    first_half, second_half = set(orders[0][::2]), set(orders[1][1::2])
    print("on both of two ranks:", len(first_half & second_half), "samples")
    assert orders[0] != orders[1]
    assert first_half & second_half

# %%
# Proof
# -----
# The bars show how often each sample comes in one epoch. Each must come once.


def plot(broken_times, fixed_times):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 3.2), sharex=True, sharey=True, layout="constrained"
    )
    for ax, name, times in (
        (axes[0], "broken", broken_times),
        (axes[1], "fixed", fixed_times),
    ):
        ax.bar(
            range(LENGTH), [times[i] for i in range(LENGTH)], color="#3b6fb6"
        )
        ax.set(title=f"{name}: {LENGTH - len(times)} missing", ylabel="times")
    axes[1].set(xlabel="sample")
    plt.show()


if __name__ == "__main__":
    plot(broken_times, fixed_times)

# %%
# Find it in your code
# --------------------
# Count the indices that one epoch misses.


def missing_samples(loader):
    indices = [i for batch in loader.batch_sampler for i in batch]
    return len(loader.dataset) - len(set(indices))


if __name__ == "__main__":
    print("broken:", missing_samples(broken), "samples missing")
    print("fixed: ", missing_samples(fixed), "samples missing")
    assert missing_samples(broken) > 0
    assert missing_samples(fixed) == 0

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which warns
# of such a sampler. If you want replacement, for example to draw rare classes more often,
# pass ``Expect(replacement=True)``. With ``Expect(replacement=False)``, repeated indices
# are an error.

import dejabatch
from dejabatch import Expect

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where, f.severity) for f in report.findings] == [
        ("sampler-repeats-indices", "sampler", "warning")
    ]
    assert dejabatch.audit(broken, expect=Expect(replacement=True)).ok

    without = Expect(replacement=False)
    (finding,) = dejabatch.audit(broken, expect=without).findings
    assert finding.severity == "error"
    assert dejabatch.audit(fixed, expect=without).ok

# %%
# See also
# --------
# * A ``WeightedRandomSampler`` draws only a few samples:
#   :doc:`/gallery/3_order/plot_class_weights_as_sample_weights`.
# * Every epoch is complete but has the same order:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * Different indices return the same sample: :doc:`/gallery/1_sample/plot_wrong_length`.
# * :class:`torch.utils.data.Sampler`.
