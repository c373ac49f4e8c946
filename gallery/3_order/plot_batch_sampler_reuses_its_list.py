# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
A custom batch sampler repeats and loses samples with workers
=============================================================

A batch sampler may not change a list that is still on its way to a worker.

* **You see:** Without workers every index comes once; with workers batches are mixed
  up, too short, too long or empty.
* **Because:** The batch sampler changes a list after yielding it, before the loader has
  sent the list to a worker.
* **Do:** Yield a new list for each batch: ``yield list(batch)``.
"""

# %%
# See it happen
# -------------
# The batch sampler fills a list, yields the list, and clears it for the next batch.

# sphinx_gallery_tags = ["wrong samples", "sampler"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

LENGTH = 4000
dataset = TensorDataset(torch.arange(LENGTH))


class Batches(Sampler):
    def __iter__(self):
        batch = []
        for index in range(LENGTH):
            batch.append(index)
            if len(batch) == 4:
                yield batch
                batch.clear()


broken = DataLoader(dataset, batch_sampler=Batches(), num_workers=2)


def samples_of(loader):
    return [index for (batch,) in loader for index in batch.tolist()]


if __name__ == "__main__":
    without_workers = samples_of(DataLoader(dataset, batch_sampler=Batches()))
    assert without_workers == list(range(LENGTH))

    broken_samples = []
    try:
        for (batch,) in broken:
            broken_samples += batch.tolist()
    except (IndexError, RuntimeError) as error:  # the worker got an empty list
        print("raised:", type(error).__name__)
    distinct = len(set(broken_samples))
    print("broken:", distinct, "distinct of", LENGTH, "samples in an epoch")
    assert broken_samples != without_workers

# %%
# Why
# ---
# The loader puts the list into a queue and asks the sampler for the next batch. A thread
# of the queue pickles the list a moment later. By then the sampler may have cleared and
# refilled the list. The timing differs from run to run.
#
# A queue alone shows the same. Its thread often pickles the list after the next number
# has replaced the old one.

if __name__ == "__main__":
    queue = torch.multiprocessing.get_context("fork").Queue()
    batch = [0]
    puts = 2000
    for number in range(puts):
        batch[0] = number
        queue.put(batch)
    received = [queue.get()[0] for _ in range(puts)]
    queue.close()
    queue.join_thread()
    wrong = sum(a != b for a, b in enumerate(received))
    print(f"{wrong} of {puts} lists are wrong")
    assert received != list(range(puts))

# %%
# The fix
# -------
# Create a new list for each batch.


class NewListPerBatch(Sampler):
    def __iter__(self):
        batch = []
        for index in range(LENGTH):
            batch.append(index)
            if len(batch) == 4:
                yield batch
                batch = []


fixed = DataLoader(dataset, batch_sampler=NewListPerBatch(), num_workers=2)

if __name__ == "__main__":
    fixed_samples = samples_of(fixed)
    distinct = len(set(fixed_samples))
    print("fixed:", distinct, "distinct of", LENGTH, "samples in an epoch")
    assert fixed_samples == list(range(LENGTH))

# %%
# A batch sampler that refills an array or a tensor fails in the same way. A copy helps
# there, too: ``yield list(batch)`` or ``yield batch.tolist()``.


class ReusesTensor(Sampler):
    def __init__(self, copy):
        self.copy = copy

    def __iter__(self):
        batch = torch.empty(4, dtype=torch.int64)
        for first in range(0, LENGTH, 4):
            torch.arange(first, first + 4, out=batch)
            yield batch.tolist() if self.copy else batch


if __name__ == "__main__":
    for copy in (False, True):
        sampler = ReusesTensor(copy)
        loader = DataLoader(dataset, batch_sampler=sampler, num_workers=2)
        different = len(set(samples_of(loader)))
        print(f"tensor, copied: {copy}: {different} different samples")
        assert (different == LENGTH) == copy

# %%
# Proof
# -----
# The dots of the fixed loader form a line. The crosses of the broken loader leave it.


def plot(broken_samples, fixed_samples):
    _, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    for name, samples, marker in (
        ("broken", broken_samples, "x"),
        ("fixed", fixed_samples, "."),
    ):
        ax.plot(samples[:60], linestyle="", marker=marker, label=name)
    ax.set(xlabel="position in the epoch", ylabel="sample")
    ax.legend(loc="upper left")
    plt.show()


if __name__ == "__main__":
    plot(broken_samples, fixed_samples)

# %%
# Find it in your code
# --------------------
# The batch sampler must yield a different list object for each batch.


def reuses_its_list(batch_sampler):
    batches = iter(batch_sampler)
    return next(batches) is next(batches)


if __name__ == "__main__":
    print("broken:", reuses_its_list(broken.batch_sampler))
    print("fixed: ", reuses_its_list(fixed.batch_sampler))
    assert reuses_its_list(broken.batch_sampler)
    assert not reuses_its_list(fixed.batch_sampler)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("batch-sampler-reuses-its-list", "batch_sampler")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The dataset reuses a buffer, so samples overwrite each other:
#   :doc:`/gallery/1_sample/plot_reused_buffer`.
# * Samples repeat or are missing without workers, too:
#   :doc:`/gallery/3_order/plot_sampler_repeats_indices`.
# * :class:`torch.utils.data.BatchSampler`.
