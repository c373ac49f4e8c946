# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
The second epoch is empty
=========================

The first epoch uses up a generator, and an empty epoch raises no error.

* **You see:** The first epoch is right. Every later epoch ends at once, without an
  error.
* **Because:** The sampler is a generator or another iterator, which can be read only
  once.
* **Do:** Use a sampler class whose ``__iter__`` starts a new pass each time.
"""

# %%
# See it happen
# -------------
# The sampler is a generator: the result of calling a function that has ``yield``.

# sphinx_gallery_tags = ["empty epoch", "sampler"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, TensorDataset

dataset = TensorDataset(torch.arange(12))


def every_second(length):
    yield from range(0, length, 2)


broken = DataLoader(dataset, batch_size=2, sampler=every_second(12))


def batches_of(loader, epochs=3):
    return [sum(1 for _ in loader) for _ in range(epochs)]


if __name__ == "__main__":
    loader = DataLoader(dataset, batch_size=2, sampler=every_second(12))
    broken_batches = batches_of(loader)
    print("broken: batches in 3 epochs:", broken_batches)
    assert broken_batches == [3, 0, 0]

# %%
# Why
# ---
# Each epoch calls ``iter(sampler)``. A generator returns itself and cannot restart, so the
# second epoch finds a generator that has ended. ``iter(...)``, ``map(...)`` and
# ``reversed(...)`` return such iterators, too. Workers do not help, because the sampler
# runs in the main process.

if __name__ == "__main__":
    for name, sampler in (
        ("generator", every_second(12)),
        ("iter", iter(range(6))),
        ("map", map(int, range(6))),
        ("reversed", reversed(range(6))),
        ("list", list(range(6))),
    ):
        counts = batches_of(DataLoader(dataset, batch_size=2, sampler=sampler))
        print(f"{name:10}{counts}")
        assert counts == ([3, 3, 3] if name == "list" else [3, 0, 0])

    loader = DataLoader(
        dataset, batch_size=2, sampler=every_second(12), num_workers=1
    )
    assert batches_of(loader)[1:] == [0, 0]

# %%
# A generator fails as a ``batch_sampler``, too.

if __name__ == "__main__":
    pairs = ([index, index + 1] for index in range(0, 12, 4))
    counts = batches_of(DataLoader(dataset, batch_sampler=pairs))
    print("batch_sampler:", counts)
    assert counts == [3, 0, 0]

# %%
# The fix
# -------
# Write a class, whose ``__iter__`` runs once per epoch. Add a ``__len__`` to the class, so
# that ``len(loader)`` works.


class EverySecond(torch.utils.data.Sampler):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        yield from range(0, self.length, 2)

    def __len__(self):
        return (self.length + 1) // 2


fixed = DataLoader(dataset, batch_size=2, sampler=EverySecond(12))

if __name__ == "__main__":
    fixed_batches = batches_of(fixed)
    print("fixed: batches in 3 epochs:", fixed_batches)
    assert fixed_batches == [3, 3, 3]
    assert len(fixed) == 3

# %%
# Proof
# -----
# The bars show the number of batches in each epoch. The first picture ends after epoch 0.


def plot(broken_batches, fixed_batches):
    _, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
    for offset, name, counts, hatch in (
        (-0.2, "broken", broken_batches, "//"),
        (0.2, "fixed", fixed_batches, ""),
    ):
        places = [epoch + offset for epoch in range(3)]
        bars = ax.bar(places, counts, width=0.36, label=name, hatch=hatch)
        ax.bar_label(bars)
    ax.set(xlabel="epoch", ylabel="batches", xticks=range(3), ylim=(0, 5))
    ax.legend(loc="upper right", ncols=2)
    plt.show()


if __name__ == "__main__":
    plot(broken_batches, fixed_batches)

# %%
# Find it in your code
# --------------------
# Create a new sampler and count the indices of two passes. A class may fail as well, like
# ``StoresAGenerator`` below.


class StoresAGenerator(torch.utils.data.Sampler):
    def __init__(self, length):
        self.indices = every_second(length)

    def __iter__(self):
        yield from self.indices


def counts_of_two_passes(sampler):
    return [sum(1 for _ in sampler) for _ in range(2)]


if __name__ == "__main__":
    for make_sampler, expected in (
        (every_second, [6, 0]),
        (EverySecond, [6, 6]),
        (StoresAGenerator, [6, 0]),
    ):
        counts = counts_of_two_passes(make_sampler(12))
        print(f"{make_sampler.__name__}: {counts}")
        assert counts == expected

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process. The audit does not use up your sampler.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("one-shot-sampler", "sampler")
    ]
    assert dejabatch.audit(fixed).ok
    assert batches_of(broken) == [3, 0, 0]

# %%
# See also
# --------
# * The second epoch of an iterable dataset is empty:
#   :doc:`/gallery/4_streaming/plot_exhausted_stream`.
# * The sampler restarts but repeats its order:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * :class:`torch.utils.data.Sampler`.
