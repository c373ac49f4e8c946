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

OpenCV's random generator is its own, begins with a constant, and is copied by workers.

* **You see:** ``cv2.randn`` and ``cv2.randu`` give the same numbers in every worker, in
  every epoch and in every run.
* **Because:** OpenCV has a random generator of its own, which begins with a constant in
  every process and which PyTorch does not seed.
* **Do:** Call ``cv2.setRNGSeed(torch.initial_seed() % 2**31)`` in ``worker_init_fn``.
"""

# %%
# See it happen
# -------------
# Noise for images, by ``cv2.randn``. Every sample is noise alone, so that nothing else can
# make two of them differ.

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
    same = samples(broken)
    print(count_distinct(same), "distinct of 8 samples in an epoch")
    again = samples(broken)
    print(count_distinct(same + again), "of 16 in two epochs")
    assert count_distinct(same) == 4  # each worker makes the same four
    assert count_distinct(same + again) == 4

# %%
# Why
# ---
# OpenCV keeps a generator in its C++ code. It begins with the same constant in every
# process, and a forked worker has a copy of it. torch seeds ``random``, ``np.random`` and
# ``torch`` in each worker, and knows nothing of OpenCV. No Python object shows this
# generator either, so a look at the dataset's attributes finds nothing.

if __name__ == "__main__":
    cv2.setRNGSeed(1)
    one = Noise()[0]
    torch.manual_seed(2)  # torch's seed has no effect on it
    np.random.seed(2)
    cv2.setRNGSeed(1)
    other = Noise()[0]
    print("the same after cv2.setRNGSeed(1):", torch.equal(one, other))
    assert torch.equal(one, other)
    assert not torch.equal(other, Noise()[0])

    program = "import cv2, numpy; print(cv2.randn(numpy.empty((2, 2)), 0, 1))"
    command = [sys.executable, "-c", program]
    first, second = (subprocess.check_output(command) for _ in range(2))
    assert first == second  # two processes that have seeded nothing

# %%
# With ``persistent_workers=True`` the copies go on, so that epochs differ. The workers are
# as alike as before.

if __name__ == "__main__":
    persistent = DataLoader(
        Noise(), batch_size=1, num_workers=WORKERS, persistent_workers=True
    )
    first, second = samples(persistent), samples(persistent)
    del persistent
    print(count_distinct(first), "distinct of 8 samples in an epoch")
    print(count_distinct(first + second), "of 16 in two epochs")
    assert count_distinct(first) == 4
    assert count_distinct(first + second) == 8

# %%
# The fix
# -------
# Seed it in every worker, from torch's seed, which is another number in each of them, and
# each time that workers start. OpenCV takes a signed integer of 32 bits, which leaves 31
# for a positive one.


def seed_opencv(worker_id):
    cv2.setRNGSeed(torch.initial_seed() % 2**31)


fixed = DataLoader(
    Noise(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_opencv
)

if __name__ == "__main__":
    different = samples(fixed)
    distinct = count_distinct(different + samples(fixed))
    print(distinct, "distinct of 16 samples in two epochs")
    assert distinct == 16

# %%
# Without workers nobody calls ``worker_init_fn``: seed OpenCV once, in the main process.
# Or draw by ``torch`` or ``np.random``, which need neither.

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
# The first two samples of each worker, in the order in which they came.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        for i, ax in enumerate(row):
            ax.imshow(images[i], cmap="cividis")
            ax.set(xticks=[], yticks=[], title=f"{name}: worker {i % 2}")
    plt.show()

# %%
# Find it in your code
# --------------------
# Let all workers make the same sample. If each makes the same *several* of them, they
# draw alike, from whatever it is.


def workers_draw_alike(loader, index=0, workers=2, times=3):
    probe = DataLoader(
        loader.dataset,
        batch_sampler=[[index] * times] * workers,
        num_workers=workers,
        worker_init_fn=loader.worker_init_fn,
    )
    one, other = probe
    return torch.equal(one, other) and count_distinct(one) == times


if __name__ == "__main__":
    of_broken, of_fixed = workers_draw_alike(broken), workers_draw_alike(fixed)
    print("broken:", of_broken)
    print("fixed: ", of_fixed)
    assert of_broken
    assert not of_fixed

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * The same for a generator that is a Python object:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * ``dejabatch.seed_worker`` as ``worker_init_fn`` seeds OpenCV, too:
#   :func:`dejabatch.seed_worker`.
# * `opencv/opencv-python#1082
#   <https://github.com/opencv/opencv-python/issues/1082>`__: where others met it.
