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

An iterator that is created once can be read once.

* **You see:** The first epoch is right. Every later epoch has no batches and raises no
  error.
* **Because:** ``__iter__`` returns a stored iterator, which the first epoch has used
  up.
* **Do:** Return a new iterator from ``__iter__``, or write ``__iter__`` as a generator.
"""

# %%
# See it happen
# -------------
# The dataset creates its iterator in ``__init__``, and ``__iter__`` returns that iterator.

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
    print("broken: batches in 3 epochs:", broken_batches)
    assert broken_batches == [3, 0, 0]

# %%
# Why
# ---
# Each epoch calls ``iter(dataset)`` and gets the same iterator. The first epoch has used
# up that iterator, so later epochs end at once. A file object, a ``csv.reader`` and a
# ``map`` are such iterators, too.
#
# Non-persistent workers hide the failure here. Each epoch starts new workers, whose copies
# of the dataset have an unread iterator. Persistent workers show the failure again.

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
        del loader  # stops persistent workers
    assert rows == [[3, 0, 0], [3, 3, 3], [3, 0, 0]]

# %%
# The fix
# -------
# Write ``__iter__`` as a generator, which creates a new iterator for each epoch.


class NewIteratorPerEpoch(IterableDataset):
    def __iter__(self):
        yield from range(12)


fixed = DataLoader(NewIteratorPerEpoch(), batch_size=4)

if __name__ == "__main__":
    fixed_batches = batches_of(fixed)
    print("fixed: batches in 3 epochs:", fixed_batches)
    assert fixed_batches == [3, 3, 3]

# %%
# If the samples come from a file, open the file in ``__iter__``. With workers, also
# :doc:`split the samples between them
# </gallery/4_streaming/plot_stream_not_split_by_worker>`.

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
# Create a new dataset and count the samples of two passes. A new object from ``__iter__``
# proves nothing: ``YieldsFromStoredIterator`` below returns a new generator each time.


class YieldsFromStoredIterator(Numbers):
    def __iter__(self):
        yield from self.numbers


def counts_of_two_passes(dataset):
    return [sum(1 for _ in dataset) for _ in range(2)]


if __name__ == "__main__":
    for dataset_class, expected in (
        (Numbers, [12, 0]),
        (NewIteratorPerEpoch, [12, 12]),
        (YieldsFromStoredIterator, [12, 0]),
    ):
        counts = counts_of_two_passes(dataset_class())
        print(f"{dataset_class.__name__}: {counts}")
        assert counts == expected
    dataset = YieldsFromStoredIterator()
    assert iter(dataset) is not iter(dataset)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process. The audit does not use up your stream.

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
# * The second epoch of a map-style dataset is empty:
#   :doc:`/gallery/3_order/plot_one_shot_sampler`.
# * All workers return the same samples:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * :class:`torch.utils.data.IterableDataset`.
