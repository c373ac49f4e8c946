# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
get_worker_info() returns None, and every worker repeats all samples
====================================================================

``__init__`` runs in the main process, where no worker exists yet.

* **You see:** The dataset calls ``get_worker_info()`` to split its samples, but every
  worker returns all of them.
* **Because:** The call stands in ``__init__``, which runs in the main process, where
  ``get_worker_info()`` returns None.
* **Do:** Call ``get_worker_info()`` in ``__iter__``, which runs in the worker.
"""

# %%
# See it happen
# -------------
# The dataset should read only the part of its worker. ``__init__`` computes that part.

# sphinx_gallery_tags = ["same across workers", "IterableDataset"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["SplitNumbers", "SplitInIter"]

import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

LENGTH = 12


class SplitNumbers(IterableDataset):
    def __init__(self):
        info = get_worker_info()
        self.first, self.step = (
            (0, 1) if info is None else (info.id, info.num_workers)
        )

    def __iter__(self):
        yield from range(self.first, LENGTH, self.step)


def times_of_each(dataset, **options):
    loader = DataLoader(dataset, batch_size=None, **options)
    return Counter(int(sample) for sample in loader)


if __name__ == "__main__":
    broken_times = times_of_each(SplitNumbers(), num_workers=2)
    print(f"broken: {broken_times.total()} samples in an epoch of {LENGTH}")
    assert set(broken_times.values()) == {2}

# %%
# Why
# ---
# You create the dataset in the main process. There ``get_worker_info()`` returns None, so
# the dataset selects all samples. Each worker gets a copy of that selection.

if __name__ == "__main__":
    assert get_worker_info() is None
    dataset = SplitNumbers()
    print(f"in the main process: first {dataset.first}, step {dataset.step}")
    assert (dataset.first, dataset.step) == (0, 1)

# %%
# PyTorch's documentation sets the part in a ``worker_init_fn``, and that works. Without
# workers, no ``worker_init_fn`` runs, and the values of ``__init__`` must be right.


def split(worker_id):
    info = get_worker_info()
    info.dataset.first, info.dataset.step = info.id, info.num_workers


if __name__ == "__main__":
    for num_workers in (0, 2):
        times = times_of_each(
            SplitNumbers(), num_workers=num_workers, worker_init_fn=split
        )
        print(
            f"{num_workers} workers: {len(times)} samples, {times.total()} times"
        )
        assert len(times) == times.total() == LENGTH

# %%
# The fix
# -------
# Call ``get_worker_info()`` in ``__iter__``, which runs in the worker. Without workers,
# ``__iter__`` runs in the main process and reads all samples.


class SplitInIter(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(first, LENGTH, step)


if __name__ == "__main__":
    for num_workers in (0, 1, 2, 3):
        times = times_of_each(SplitInIter(), num_workers=num_workers)
        print(
            f"{num_workers} workers: {len(times)} samples, {times.total()} times"
        )
        assert len(times) == times.total() == LENGTH
    fixed_times = times
    print(f"fixed: {fixed_times.total()} samples in an epoch of {LENGTH}")

# %%
# :class:`dejabatch.shard` splits any iterable between the workers of all ranks.

import dejabatch

if __name__ == "__main__":
    times = times_of_each(dejabatch.shard(range(LENGTH)), num_workers=3)
    print(f"3 workers: {len(times)} samples, {times.total()} times")
    assert len(times) == times.total() == LENGTH

# %%
# Proof
# -----
# The bars show how often each sample comes in one epoch. Each must come once.


def plot(broken_times, fixed_times):
    _, axes = plt.subplots(
        1, 2, figsize=(8, 2.6), sharey=True, layout="constrained"
    )
    for ax, name, times in (
        (axes[0], "broken", broken_times),
        (axes[1], "fixed", fixed_times),
    ):
        ax.bar(
            range(LENGTH), [times[i] for i in range(LENGTH)], color="#3b6fb6"
        )
        ax.set(
            title=name,
            xlabel="sample",
            xticks=range(0, LENGTH, 2),
            yticks=range(3),
        )
    axes[0].set(ylabel="times")
    plt.show()


if __name__ == "__main__":
    plot(broken_times, fixed_times)

# %%
# Find it in your code
# --------------------
# Run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which finds
# workers that return the same samples. Then run ``python -m dejabatch lint``, which
# finds the line in your code. Here the lint reads this page.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    report = dejabatch.audit(DataLoader(SplitNumbers(), num_workers=2))
    print(report.findings[0].title)
    assert report.findings[0].slug == "stream-not-split-by-worker"

    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        places = lint_paths([script])
        for place in places:
            print(f"line {place.line}: {place.slug}")
        assert [place.slug for place in places] == ["split-computed-too-early"]

# %%
# See also
# --------
# * The dataset does not call ``get_worker_info()``:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * The second epoch is empty:
#   :doc:`/gallery/4_streaming/plot_exhausted_stream`.
# * :func:`torch.utils.data.get_worker_info`.
