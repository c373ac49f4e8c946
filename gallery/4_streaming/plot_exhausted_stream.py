# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
The second epoch of an IterableDataset is empty
===============================================

An iterator that is made once is read once.

* **You see:** The first epoch is right. From then on there is no batch, and no error.
* **Because:** ``__iter__`` returns an iterator that was made before, and is at its end.
* **Do:** Make a new iterator in ``__iter__``, or write it as a generator.
"""

# %%
# See it happen
# -------------
# The dataset prepares its iterator when it is made, and hands it out when it is asked for.

# sphinx_gallery_tags = ["empty epoch", "IterableDataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader, IterableDataset


class Numbers(IterableDataset):
    def __init__(self):
        self.numbers = iter(range(12))

    def __iter__(self):
        return self.numbers


broken = DataLoader(Numbers(), batch_size=4)


def batches_of(loader, epochs=3):
    return [sum(1 for _ in loader) for _ in range(epochs)]


if __name__ == "__main__":
    loader = DataLoader(Numbers(), batch_size=4)
    broken_batches = batches_of(loader)
    print("batches of each epoch:", broken_batches)
    assert broken_batches == [3, 0, 0]

# %%
# Why
# ---
# Each epoch calls ``iter(dataset)``. It gets the same iterator again, which is at its end,
# and an iterator that has ended looks like an epoch that has ended. A file object, a
# ``csv.reader`` and a ``map`` are such iterators, too.
#
# Workers hide it for an iterator in memory, such as this one: each epoch starts new ones,
# with new copies of the dataset, whose iterator has not been read. It comes back with persistent workers.

if __name__ == "__main__":
    rows = []
    for options in (
        {"num_workers": 0},
        {"num_workers": 1},
        {"num_workers": 1, "persistent_workers": True},
    ):
        loader = DataLoader(Numbers(), batch_size=4, **options)
        rows.append(batches_of(loader))
        print(options, rows[-1])
        del loader  # ends persistent workers
    assert rows == [[3, 0, 0], [3, 3, 3], [3, 0, 0]]

# %%
# The fix
# -------
# Make a new iterator for each epoch. A generator function does that by itself.


class NumbersAnew(IterableDataset):
    def __iter__(self):
        yield from range(12)


fixed = DataLoader(NumbersAnew(), batch_size=4)

if __name__ == "__main__":
    fixed_batches = batches_of(fixed)
    print("batches of each epoch:", fixed_batches)
    assert fixed_batches == [3, 3, 3]

# %%
# Where the source is a file, open it in ``__iter__`` as well. With workers, also split it:
# see :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.

# %%
# Proof
# -----
# The number of batches in each epoch.

if __name__ == "__main__":
    figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
    for offset, name, counts, hatch in (
        (-0.2, "broken", broken_batches, "//"),
        (0.2, "fixed", fixed_batches, ""),
    ):
        places = [epoch + offset for epoch in range(3)]
        bars = ax.bar(places, counts, width=0.36, label=name, hatch=hatch)
        ax.bar_label(bars)
    ax.set(xlabel="epoch", ylabel="batches", xticks=range(3), ylim=(0, 4))
    ax.legend(loc="upper right", ncols=2)
    plt.show()

# %%
# Find it in your code
# --------------------
# Make a dataset for this alone, and count what two passes over it give. That it returns
# another object each time proves nothing, as the last of these shows.


class StoredBehindAGenerator(Numbers):
    def __iter__(self):
        yield from self.numbers


def counts_of_two_passes(dataset):
    return [sum(1 for _ in dataset) for _ in range(2)]


if __name__ == "__main__":
    for kind, expected in (
        (Numbers, [12, 0]),
        (NumbersAnew, [12, 12]),
        (StoredBehindAGenerator, [12, 0]),
    ):
        counts = counts_of_two_passes(kind())
        print(f"{kind.__name__}: {counts}")
        assert counts == expected
    dataset = StoredBehindAGenerator()
    assert iter(dataset) is not iter(dataset)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it: this one is not used up by it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("exhausted-stream", "dataset.__iter__")
    ]
    assert dejabatch.audit(fixed).ok
    assert batches_of(broken) == [3, 0, 0]

# %%
# See also
# --------
# * The same with a map-style dataset: :doc:`/gallery/3_order/plot_one_shot_sampler`.
# * The workers all give the same samples:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * :class:`torch.utils.data.IterableDataset`.
