# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
With workers, some samples come twice and others never
======================================================

A list that is on its way to a worker is still the sampler's.

* **You see:** Without workers every index comes once; with workers batches are mixed
  up, of wrong lengths or empty.
* **Because:** The batch sampler changes a list that it has yielded, before the list is
  sent to a worker.
* **Do:** Yield a new list for each batch: ``yield list(batch)``.
"""

# %%
# See it happen
# -------------
# A batch sampler fills a list, yields it, and clears it for the next batch.

# sphinx_gallery_tags = ["wrong samples", "sampler"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

LENGTH = 4000
dataset = TensorDataset(torch.arange(LENGTH))


class InFours(Sampler):
    def __iter__(self):
        batch = []
        for index in range(LENGTH):
            batch.append(index)
            if len(batch) == 4:
                yield batch
                batch.clear()


broken = DataLoader(dataset, batch_sampler=InFours(), num_workers=2)


def samples_of(loader):
    return [index for (batch,) in loader for index in batch.tolist()]


if __name__ == "__main__":
    without_workers = samples_of(DataLoader(dataset, batch_sampler=InFours()))
    assert without_workers == list(range(LENGTH))

    broken_samples = []
    try:
        for (batch,) in broken:
            broken_samples += batch.tolist()
    except (
        IndexError,
        RuntimeError,
    ) as error:  # a list that is empty just then
        print("raised:", type(error).__name__)
    different = len(set(broken_samples))
    print("without workers:", len(set(without_workers)), "different samples")
    print("with workers:   ", different, "different samples")
    assert broken_samples != without_workers

# %%
# Why
# ---
# The loader puts the list into a queue, and asks the sampler for more. A thread of the
# queue pickles the list a moment later. By then the sampler may have cleared it and filled
# it anew. Which of the two comes first differs from run to run.
#
# A queue shows it without a loader: here, what is put is a list, and what comes out is the
# list as it was when the thread came to it.

if __name__ == "__main__":
    queue = torch.multiprocessing.get_context("fork").Queue()
    batch = [0]
    puts = 2000
    for number in range(puts):
        batch[0] = number
        queue.put(batch)
    came = [queue.get()[0] for _ in range(puts)]
    queue.close()
    queue.join_thread()
    print(
        f"{sum(a != b for a, b in enumerate(came))} of {puts} lists are wrong"
    )
    assert came != list(range(puts))

# %%
# The fix
# -------
# Yield a list that nobody changes any more.


class InFoursAnew(Sampler):
    def __iter__(self):
        batch = []
        for index in range(LENGTH):
            batch.append(index)
            if len(batch) == 4:
                yield batch
                batch = []


fixed = DataLoader(dataset, batch_sampler=InFoursAnew(), num_workers=2)

if __name__ == "__main__":
    fixed_samples = samples_of(fixed)
    print("with workers:", len(set(fixed_samples)), "different samples")
    assert fixed_samples == list(range(LENGTH))

# %%
# The same holds for an array or a tensor that a batch sampler yields and then fills again.
# ``yield list(batch)``, or ``yield batch.tolist()``, is a copy, and does as well.


class InFoursAsTensor(Sampler):
    def __init__(self, copy):
        self.copy = copy

    def __iter__(self):
        batch = torch.empty(4, dtype=torch.int64)
        for first in range(0, LENGTH, 4):
            torch.arange(first, first + 4, out=batch)
            yield batch.tolist() if self.copy else batch


if __name__ == "__main__":
    for copy in (False, True):
        sampler = InFoursAsTensor(copy)
        loader = DataLoader(dataset, batch_sampler=sampler, num_workers=2)
        different = len(set(samples_of(loader)))
        print(f"tensor, copied: {copy}: {different} different samples")
        assert (different == LENGTH) == copy

# %%
# Proof
# -----
# The first samples in the order in which they came.

if __name__ == "__main__":
    figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    for name, samples, marker in (
        ("broken", broken_samples, "x"),
        ("fixed", fixed_samples, "."),
    ):
        ax.plot(samples[:60], linestyle="", marker=marker, label=name)
    ax.set(xlabel="place in the epoch", ylabel="sample")
    ax.legend(loc="upper left")
    plt.show()

# %%
# Find it in your code
# --------------------
# Two batches must be two objects.


def reuses_its_list(batch_sampler):
    batches = iter(batch_sampler)
    return next(batches) is next(batches)


if __name__ == "__main__":
    print("broken:", reuses_its_list(broken.batch_sampler))
    print("fixed: ", reuses_its_list(fixed.batch_sampler))
    assert reuses_its_list(broken.batch_sampler)
    assert not reuses_its_list(fixed.batch_sampler)

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it.

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
# * Samples are overwritten instead of indices:
#   :doc:`/gallery/1_sample/plot_reused_buffer`.
# * Samples are missing without workers, too:
#   :doc:`/gallery/3_order/plot_sampler_repeats_indices`.
# * :class:`torch.utils.data.BatchSampler`.
