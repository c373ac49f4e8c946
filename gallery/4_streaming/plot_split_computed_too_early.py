# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
A split between workers has no effect
=====================================

__init__ runs in the main process, where get_worker_info() has nothing to say.

* **You see:** The dataset asks which worker it is in, and still every worker gives all
  samples.
* **Because:** ``get_worker_info()`` is asked in ``__init__``, which runs in the main
  process, where it returns None.
* **Do:** Ask in ``__iter__``, which runs in the worker.
"""

# %%
# See it happen
# -------------
# The dataset is to read its own part only. It asks which worker it is in when it is made.

# sphinx_gallery_tags = ["same across workers", "IterableDataset"]
# sphinx_gallery_parallel = False

import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

LENGTH = 12


class SplitAtOnce(IterableDataset):
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
    broken_times = times_of_each(SplitAtOnce(), num_workers=2)
    print(broken_times)
    assert set(broken_times.values()) == {2}

# %%
# Why
# ---
# You make the dataset, in the main process. There ``get_worker_info()`` returns None, and
# the dataset decides that it is alone. Each worker gets a copy of that decision.

if __name__ == "__main__":
    assert get_worker_info() is None
    dataset = SplitAtOnce()
    print(
        f"decided in the main process: first {dataset.first}, step {dataset.step}"
    )
    assert (dataset.first, dataset.step) == (0, 1)

# %%
# The remedy in PyTorch's documentation, a ``worker_init_fn`` that sets the limits, works.
# It does not run without workers, and then the dataset needs limits that are right
# without it.


def split(worker_id):
    info = get_worker_info()
    info.dataset.first, info.dataset.step = info.id, info.num_workers


if __name__ == "__main__":
    for num_workers in (0, 2):
        times = times_of_each(
            SplitAtOnce(), num_workers=num_workers, worker_init_fn=split
        )
        print(
            f"{num_workers} workers: {len(times)} samples, {times.total()} times"
        )
        assert len(times) == times.total() == LENGTH

# %%
# The fix
# -------
# Ask in ``__iter__``. It runs in the worker, or in the main process if there is none.


class SplitInTime(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(first, LENGTH, step)


if __name__ == "__main__":
    for num_workers in (0, 1, 2, 3):
        times = times_of_each(SplitInTime(), num_workers=num_workers)
        print(
            f"{num_workers} workers: {len(times)} samples, {times.total()} times"
        )
        assert len(times) == times.total() == LENGTH
    fixed_times = times

# %%
# :class:`dejabatch.shard` does that for any iterable, and counts the ranks as well.

import dejabatch

if __name__ == "__main__":
    times = times_of_each(dejabatch.shard(range(LENGTH)), num_workers=3)
    print(f"3 workers: {len(times)} samples, {times.total()} times")
    assert len(times) == times.total() == LENGTH

# %%
# Proof
# -----
# How often each sample came in an epoch.

if __name__ == "__main__":
    figure, axes = plt.subplots(
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
            title=name, xlabel="sample", xticks=range(LENGTH), yticks=range(3)
        )
    axes[0].set(ylabel="times")
    plt.show()

# %%
# Find it in your code
# --------------------
# ``dejabatch.audit`` sees that the workers give the same samples, whatever the reason.
# ``python -m dejabatch lint`` says where in the source the split is lost. Here it reads
# this page.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    report = dejabatch.audit(DataLoader(SplitAtOnce(), num_workers=2))
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
# * The dataset does not ask at all:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * The second epoch is empty: :doc:`/gallery/4_streaming/plot_exhausted_stream`.
# * :func:`torch.utils.data.get_worker_info`.
