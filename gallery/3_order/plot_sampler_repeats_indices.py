# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Some samples come several times in an epoch, and others never
=============================================================

An epoch of the right length is no proof that every sample was in it.

* **You see:** An epoch has the right length, but some samples twice and others not at
  all.
* **Because:** The sampler yields some indices again and leaves others out.
* **Do:** Yield every index once: ``yield from torch.randperm(len(dataset)).tolist()``.
"""

# %%
# See it happen
# -------------
# This sampler picks a random index for every place of an epoch.

# sphinx_gallery_tags = ["missing samples", "sampler"]
# sphinx_gallery_parallel = False

import textwrap
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
    print(broken_times.total(), "samples in an epoch")
    print(len(broken_times), "different ones")
    print("the most frequent:", broken_times.most_common(3))
    assert broken_times.total() == LENGTH
    assert len(broken_times) < LENGTH

# %%
# Why
# ---
# Each draw forgets those before it: that is drawing *with replacement*. A sample is left
# out of an epoch with a probability of (1 - 1/n) to the power of n, which is 37 % for any
# but the smallest n. ``RandomSampler(replacement=True)`` and
# :class:`~torch.utils.data.WeightedRandomSampler` do the same.

if __name__ == "__main__":
    never = [LENGTH - len(times_of_each(broken)) for _ in range(100)]
    measured, predicted = sum(never) / 100 / LENGTH, (1 - 1 / LENGTH) ** LENGTH
    print(f"left out of an epoch: {measured:.1%}, predicted {predicted:.1%}")
    assert abs(measured - predicted) < 0.03

# %%
# The fix
# -------
# Shuffle the indices, and yield each of them once. That is what ``shuffle=True`` does.


class EachOnce(RandomIndex):
    def __iter__(self):
        yield from torch.randperm(self.length).tolist()


fixed = DataLoader(dataset, batch_size=8, sampler=EachOnce(LENGTH))

if __name__ == "__main__":
    fixed_times = times_of_each(fixed)
    print(len(fixed_times), "different samples of", fixed_times.total())
    assert len(fixed_times) == fixed_times.total() == LENGTH

# %%
# Drawing with replacement may be meant, to see rare classes more often. Then say so, to
# the reader and to ``dejabatch.audit``: ``expect=Expect(replacement=True)``.

# %%
# Proof
# -----
# How often each sample was in the epoch.

if __name__ == "__main__":
    figure, axes = plt.subplots(
        2, 1, figsize=(8, 3.2), sharex=True, sharey=True, layout="constrained"
    )
    for ax, name, times in (
        (axes[0], "broken", broken_times),
        (axes[1], "fixed", fixed_times),
    ):
        ax.bar(
            range(LENGTH), [times[i] for i in range(LENGTH)], color="#3b6fb6"
        )
        ax.set(title=f"{name}: {LENGTH - len(times)} left out", ylabel="times")
    axes[1].set(xlabel="sample")
    plt.show()

# %%
# Find it in your code
# --------------------
# Count the different indices of an epoch.


def left_out(loader):
    indices = [i for batch in loader.batch_sampler for i in batch]
    return len(loader.dataset) - len(set(indices))


if __name__ == "__main__":
    print("broken:", left_out(broken), "samples left out")
    print("fixed: ", left_out(fixed), "samples left out")
    assert left_out(broken) > 0
    assert left_out(fixed) == 0

# %%
# Or let ``dejabatch.audit`` look. It cannot know whether that is meant: it says what it
# saw, and names it if you say that it is not.

import dejabatch

expect = dejabatch.Expect(replacement=False)

if __name__ == "__main__":
    skipped = dejabatch.audit(broken).skipped["sampler-repeats-indices"]
    print(textwrap.fill(skipped, 80))

    report = dejabatch.audit(broken, expect=expect)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("sampler-repeats-indices", "sampler")
    ]
    assert dejabatch.audit(fixed, expect=expect).ok

# %%
# See also
# --------
# * A ``WeightedRandomSampler`` that draws a few samples only:
#   :doc:`/gallery/3_order/plot_class_weights_as_sample_weights`.
# * Every sample is there, and always in one order:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * Other indices have the same sample: :doc:`/gallery/1_sample/plot_wrong_length`.
# * :class:`torch.utils.data.Sampler`.
