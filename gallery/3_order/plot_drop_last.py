# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
With drop_last=True, the DataLoader is empty or loses samples
=============================================================

``drop_last=True`` drops every batch that is not full, and that may be all batches.

* **You see:** The loop over the loader does nothing, or an epoch loses more samples the
  more workers you use.
* **Because:** ``drop_last=True`` drops every batch that is not full, and each worker of
  an iterable dataset drops its own.
* **Do:** Keep the last batch: pass ``drop_last=False``.
"""

# %%
# See it happen
# -------------
# The dataset has ten samples, and a batch needs sixteen.

# sphinx_gallery_tags = ["missing samples", "empty epoch", "IterableDataset"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    TensorDataset,
    get_worker_info,
)

dataset = TensorDataset(torch.arange(10))
broken = DataLoader(dataset, batch_size=16, drop_last=True)

if __name__ == "__main__":
    batches = list(broken)
    print("broken:", len(batches), "batches")
    assert batches == []
    assert len(broken) == 0

# %%
# Why
# ---
# ``drop_last=True`` yields full batches only. A dataset smaller than one batch yields no
# batch, and the training loop does nothing without an error.
#
# With an iterable dataset, each *worker* makes batches and drops its own last batch. More
# workers can therefore drop more samples, even if the workers split the stream correctly.


class Numbers(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(first, 10, step)


def samples_of(loader):
    return sum(len(batch) for batch in loader)


if __name__ == "__main__":
    with_drop_last, without = [], []
    for num_workers in (0, 2, 3):
        options = {"batch_size": 4, "num_workers": num_workers}
        with_drop_last.append(
            samples_of(DataLoader(Numbers(), drop_last=True, **options))
        )
        without.append(samples_of(DataLoader(Numbers(), **options)))
        print(f"{num_workers} workers: {with_drop_last[-1]:2} of 10 samples")
    assert with_drop_last == [8, 8, 4]
    assert without == [10, 10, 10]

# %%
# The fix
# -------
# Keep the last batch. Some training needs full batches: ``BatchNorm1d`` raises on a batch
# of one sample. Then keep ``drop_last=True``, choose a smaller batch size, and assert that
# the loader is not empty.

fixed = DataLoader(dataset, batch_size=16)
assert len(fixed) > 0, "the loader has no batches"

if __name__ == "__main__":
    (batch,) = next(iter(fixed))
    print("fixed:", len(fixed), "batch of", len(batch), "samples")
    assert batch.tolist() == list(range(10))

    message = ""
    try:
        torch.nn.BatchNorm1d(3)(torch.zeros(1, 3))
    except ValueError as error:
        message = str(error)
    print("ValueError:", message)
    assert "Expected more than 1 value per channel" in message

# %%
# To get full batches from a stream, let the dataset yield whole batches and split those
# between the workers. ``batch_size=None`` then passes each batch on unchanged. An epoch
# drops at most one short batch, whatever the number of workers.


class Batches(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for number in range(first, 10 // 4, step):
            yield torch.arange(4 * number, 4 * number + 4)


if __name__ == "__main__":
    full_batches = [
        samples_of(DataLoader(Batches(), batch_size=None, num_workers=n))
        for n in (0, 2, 3)
    ]
    print("samples with 0, 2 and 3 workers:", full_batches)
    assert full_batches == [8, 8, 8]

# %%
# Proof
# -----
# Each pair of bars is an epoch of the stream. ``drop_last=True`` loses more with 3 workers.


def plot(with_drop_last, without):
    _, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    for offset, name, counts, hatch in (
        (-0.2, "drop_last=True", with_drop_last, "//"),
        (0.2, "drop_last=False", without, ""),
    ):
        places = [place + offset for place in range(3)]
        bars = ax.bar(places, counts, width=0.36, label=name, hatch=hatch)
        ax.bar_label(bars)
    ax.set(xlabel="workers", ylabel="samples (of 10)", ylim=(0, 15))
    ax.set_xticks(range(3), ["0", "2", "3"])
    ax.legend(loc="upper right", ncols=2)
    plt.show()


if __name__ == "__main__":
    plot(with_drop_last, without)

# %%
# Find it in your code
# --------------------
# For a map-style dataset, print ``len(loader)``. For a stream, count the samples of an
# epoch with and without ``drop_last``.

if __name__ == "__main__":
    print("broken:", len(broken), "batches")
    print("fixed: ", len(fixed), "batches")
    assert len(broken) == 0
    assert len(fixed) == 1

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged. For a stream, the
# audit reports dropped samples that would fill a batch.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("drop-last", "drop_last")
    ]
    assert dejabatch.audit(fixed).ok

    stream = DataLoader(Numbers(), batch_size=4, drop_last=True, num_workers=3)
    (finding,) = dejabatch.audit(stream).findings
    print(finding.evidence)
    assert finding.slug == "drop-last"
    assert "6 of 10" in finding.evidence  # of the samples

# %%
# See also
# --------
# * Every epoch after the first is empty:
#   :doc:`/gallery/3_order/plot_one_shot_sampler`.
# * A stream returns too many samples:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * :class:`torch.utils.data.DataLoader`.
