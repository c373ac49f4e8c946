# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
The loop over the loader does nothing, or misses samples
========================================================

What fills no batch is left out, and that may be everything.

* **You see:** Epochs end at once, or have fewer samples the more workers there are.
* **Because:** ``drop_last=True`` leaves out what fills no batch: all of a small
  dataset, and of an iterable one the rest of each worker.
* **Do:** Keep the last batch, with ``drop_last=False``.
"""

# %%
# See it happen
# -------------
# Ten samples and batches of sixteen.

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
    print("batches:", batches)
    assert batches == []
    assert len(broken) == 0

# %%
# Why
# ---
# ``drop_last=True`` yields full batches only. It is meant for the few samples at the end
# of an epoch, and says nothing if those are all. The loop then runs without a step: no
# error, no loss, and the weights stay as they were.
#
# With an iterable dataset it is each *worker* that makes batches, and each that drops its
# own rest. So an epoch gets smaller with the number of workers, although the stream is
# split correctly.


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
# Keep the last batch. Where training needs full batches, since ``BatchNorm1d`` raises on a
# batch of one sample, keep ``drop_last=True``, take a batch size that the data fills, and
# fail if an epoch is empty.

fixed = DataLoader(dataset, batch_size=16)
assert len(fixed) > 0, "an epoch without a batch"

if __name__ == "__main__":
    (batch,) = next(iter(fixed))
    print("one batch of", len(batch), "samples")
    assert batch.tolist() == list(range(10))

    message = ""
    try:
        torch.nn.BatchNorm1d(3)(torch.zeros(1, 3))
    except ValueError as error:
        message = str(error)
    print("ValueError:", message)
    assert "Expected more than 1 value per channel" in message

# %%
# For a stream of full batches, make the batches before the workers share them out, and
# have the loader pass them on: ``DataLoader(batches, batch_size=None)``. Then at most one
# short batch of the whole epoch is left out.


class Batches(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for number in range(first, 10 // 4, step):
            yield torch.arange(4 * number, 4 * number + 4)


if __name__ == "__main__":
    full = [
        samples_of(DataLoader(Batches(), batch_size=None, num_workers=n))
        for n in (0, 2, 3)
    ]
    print("samples with 0, 2 and 3 workers:", full)
    assert full == [8, 8, 8]

# %%
# Proof
# -----
# The samples of an epoch of the stream, by the number of workers.

if __name__ == "__main__":
    figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
    for offset, name, counts, hatch in (
        (-0.2, "drop_last=True", with_drop_last, "//"),
        (0.2, "drop_last=False", without, ""),
    ):
        places = [place + offset for place in range(3)]
        bars = ax.bar(places, counts, width=0.36, label=name, hatch=hatch)
        ax.bar_label(bars)
    ax.set(xlabel="workers", ylabel="samples of 10", ylim=(0, 15))
    ax.set_xticks(range(3), ["0", "2", "3"])
    ax.legend(loc="upper right", ncols=2)
    plt.show()

# %%
# Find it in your code
# --------------------
# A loader for a map-style dataset tells how many batches it has. Of a stream, count the
# samples of an epoch with ``drop_last`` and without it.

if __name__ == "__main__":
    print("broken:", len(broken), "batches")
    print("fixed: ", len(fixed), "batches")
    assert len(broken) == 0
    assert len(fixed) == 1

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it. Of a stream it also sees what is dropped, and names it when that would fill
# a batch.

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
    assert "6 of 10 samples" in finding.evidence

# %%
# See also
# --------
# * Only the epochs after the first are empty:
#   :doc:`/gallery/3_order/plot_one_shot_sampler`.
# * Streams with too many samples:
#   :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.
# * :class:`torch.utils.data.DataLoader`.
