# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "opencv-python-headless",
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
All workers draw the same OpenCV random numbers
===============================================

OpenCV's own generator starts from a constant, and PyTorch does not seed it in workers.

* **You see:** ``cv2.randn`` and ``cv2.randu`` return the same numbers in every worker,
  epoch and run.
* **Because:** OpenCV starts its own random generator from a constant in every process,
  and PyTorch does not seed that generator.
* **Do:** Call ``cv2.setRNGSeed(torch.initial_seed() % 2**31)`` in ``worker_init_fn``.
"""

# %%
# See it happen
# -------------
# Each sample is noise from ``cv2.randn``. Two samples differ only if OpenCV draws
# different numbers.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "library"]
# sphinx_gallery_parallel = False

import subprocess
import sys

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

WORKERS = 2


class Noise(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        noise = np.empty((24, 24), np.float32)
        cv2.randn(noise, 0, 1)
        return torch.from_numpy(noise)


broken = DataLoader(Noise(), batch_size=1, num_workers=WORKERS)


def samples(loader):
    return [batch[0] for batch in loader]


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    broken_samples = samples(broken)
    distinct = count_distinct(broken_samples + samples(broken))
    print("broken:", distinct, "distinct of 16 samples in two epochs")
    # Both workers make the same four samples, in both epochs.
    assert count_distinct(broken_samples) == distinct == 4

# %%
# Why
# ---
# OpenCV keeps a random generator in its C++ code and starts it from the same constant
# in every process. Forked workers copy this generator. torch seeds ``random``,
# ``np.random`` and ``torch`` in each worker, but not OpenCV. No Python object holds
# OpenCV's generator, so you do not find it on your dataset.

if __name__ == "__main__":
    cv2.setRNGSeed(1)
    noise = Noise()[0]
    torch.manual_seed(2)  # OpenCV ignores the seeds of torch and NumPy
    np.random.seed(2)
    cv2.setRNGSeed(1)
    repeated = Noise()[0]
    print("same noise after cv2.setRNGSeed(1):", torch.equal(noise, repeated))
    assert torch.equal(noise, repeated)
    assert not torch.equal(repeated, Noise()[0])

    program = "import cv2, numpy; print(cv2.randn(numpy.empty((2, 2)), 0, 1))"
    command = [sys.executable, "-c", program]
    first, second = (subprocess.check_output(command) for _ in range(2))
    assert first == second  # two processes without a seed

# %%
# With ``persistent_workers=True``, the epochs differ, but both workers still draw the
# same numbers.

if __name__ == "__main__":
    persistent = DataLoader(
        Noise(), batch_size=1, num_workers=WORKERS, persistent_workers=True
    )
    first, second = samples(persistent), samples(persistent)
    del persistent
    print(count_distinct(first), "distinct of 8 samples in an epoch")
    print(
        count_distinct(first + second), "distinct of 16 samples in two epochs"
    )
    assert count_distinct(first) == 4
    assert count_distinct(first + second) == 8

# %%
# The fix
# -------
# Seed OpenCV in every worker from :func:`torch.initial_seed`. This number differs in
# each worker and changes each time workers start.


def seed_opencv(worker_id):
    # OpenCV takes a signed 32-bit integer.
    cv2.setRNGSeed(torch.initial_seed() % 2**31)


fixed = DataLoader(
    Noise(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_opencv
)

if __name__ == "__main__":
    fixed_samples = samples(fixed)
    distinct = count_distinct(fixed_samples + samples(fixed))
    print("fixed:", distinct, "distinct of 16 samples in two epochs")
    assert distinct == 16

# %%
# With ``num_workers=0``, the loader does not call ``worker_init_fn``. Seed OpenCV once,
# in the main process. Or draw from ``torch`` or ``np.random`` instead of OpenCV.

if __name__ == "__main__":
    cv2.setRNGSeed(torch.initial_seed() % 2**31)
    called = []
    loader = DataLoader(Noise(), batch_size=1, worker_init_fn=called.append)
    distinct = count_distinct(samples(loader) + samples(loader))
    print(distinct, "distinct of 16 samples in two epochs, without workers")
    assert distinct == 16
    assert called == []

# %%
# Proof
# -----
# Compare the samples of worker 0 and worker 1. Each row shows two of each worker.


def plot(broken_samples, fixed_samples):
    _, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", broken_samples),
        (axes[1], "fixed", fixed_samples),
    ):
        for i, ax in enumerate(row):
            ax.imshow(images[i], cmap="cividis")
            ax.set(xticks=[], yticks=[], title=f"worker {i % 2}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(broken_samples, fixed_samples)

# %%
# Find it in your code
# --------------------
# Read one sample three times in each of two workers. If both workers return the same
# three different samples, both workers start in the same random state.


def workers_draw_the_same(loader, index=0, workers=2, times=3):
    probe = DataLoader(
        loader.dataset,
        batch_sampler=[[index] * times] * workers,
        num_workers=workers,
        worker_init_fn=loader.worker_init_fn,
    )
    first, second = probe
    return torch.equal(first, second) and count_distinct(first) == times


if __name__ == "__main__":
    broken_repeats, fixed_repeats = (
        workers_draw_the_same(broken),
        workers_draw_the_same(fixed),
    )
    print("broken repeats in both workers:", broken_repeats)
    print("fixed repeats in both workers: ", fixed_repeats)
    assert broken_repeats
    assert not fixed_repeats

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("opencv-rng", "cv2")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * A Python generator on the dataset repeats in every worker:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * A ``worker_init_fn`` that seeds OpenCV, too: :func:`dejabatch.seed_worker`.
# * User report: `opencv/opencv-python#1082
#   <https://github.com/opencv/opencv-python/issues/1082>`__.
