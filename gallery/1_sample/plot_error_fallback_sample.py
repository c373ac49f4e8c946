# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "pillow",
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
#   "torchvision",
# ]
# ///
"""
The same sample appears in almost every batch
=============================================

``except`` hides each broken file and returns a fallback sample instead.

* **You see:** One image comes many times in an epoch, although the sampler draws each
  index once.
* **Because:** ``__getitem__`` catches every error and returns a fallback sample,
  which hides broken files.
* **Do:** Find the broken files once before training and leave them out, or let the
  error stop the program.
"""

# %%
# See it happen
# -------------
# Eight of these 24 image files are truncated. The dataset catches read errors, so that
# training does not stop at a broken file.

# sphinx_gallery_tags = ["repeated samples", "dataset", "files"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["Photographs", "LeavesOutBrokenFiles"]

import atexit
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

TO_TENSOR = v2.Compose([v2.Resize((48, 48)), v2.PILToTensor()])


def read(path):
    with Image.open(path) as image:
        return TO_TENSOR(image)


def write_files(folder):
    """Save 24 crops of a photograph, and truncate every third file."""
    with get_sample_data("grace_hopper.jpg") as file:
        photograph = Image.open(file).convert("RGB")
    for i in range(24):
        left, top = 50 * (i % 6), 90 * (i // 6)
        path = Path(folder, f"{i:02}.jpg")
        photograph.crop((left, top, left + 200, top + 200)).save(path)
        if i % 3 == 1:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])


class Photographs(Dataset):
    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.jpg"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        try:
            return read(self.paths[index]), index
        except Exception:
            return self[0]


if __name__ != "__mp_main__":  # spawned workers skip this block
    FOLDER = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, FOLDER)
    write_files(FOLDER)
    broken = DataLoader(Photographs(FOLDER), batch_size=4, shuffle=True)

if __name__ == "__main__":
    labels = torch.cat([batch_labels for _, batch_labels in broken]).tolist()
    times = Counter(labels)
    print("broken: sample 0 comes", times[0], "times in an epoch")
    assert times[0] == 1 + 8
    assert all(times[label] == 1 for label in times.keys() - {0})

# %%
# Why
# ---
# ``except Exception`` replaces every unreadable file by sample 0, without a message.
# The epoch has the right length, and the sampler draws each index once.

if __name__ == "__main__":
    error = ""
    try:
        read(broken.dataset.paths[1])
    except OSError as caught:
        error = str(caught)
    print("file 1:", error)
    assert "truncated" in error
    assert broken.dataset[1][1] == 0  # index 1 returns sample 0
    assert len(list(broken.sampler)) == len(set(broken.sampler)) == 24

# %%
# A fallback to the next index duplicates the next readable sample instead.


class FallsBackToNext(Photographs):
    def __getitem__(self, index):
        try:
            return read(self.paths[index]), index
        except OSError:
            return self[(index + 1) % len(self)]


if __name__ == "__main__":
    dataset = FallsBackToNext(FOLDER)
    times = Counter(dataset[i][1] for i in range(24))
    print("most frequent labels:", times.most_common(8))
    assert sorted(times.values()) == [1] * 8 + [2] * 8

# %%
# The fix
# -------
# Read each file once before training, and leave out unreadable files. Report how many
# files you left out. Do not catch errors in ``__getitem__``.


def is_readable(path):
    try:
        read(path)
    except OSError:
        return False
    return True


class LeavesOutBrokenFiles(Dataset):
    def __init__(self, folder):
        paths = sorted(Path(folder).glob("*.jpg"))
        self.paths = [path for path in paths if is_readable(path)]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return read(self.paths[index]), index


if __name__ != "__mp_main__":
    fixed = DataLoader(
        LeavesOutBrokenFiles(FOLDER), batch_size=4, shuffle=True
    )

if __name__ == "__main__":
    labels = torch.cat([batch_labels for _, batch_labels in fixed]).tolist()
    print("fixed: sample 0 comes", labels.count(0), "time in an epoch")
    print(24 - len(fixed.dataset), "unreadable files are left out")
    assert len(fixed.dataset) == 24 - 8
    assert sorted(labels) == list(range(16))

# %%
# Proof
# -----
# Compare the two epochs, in index order. Sample 0 replaces each broken file in the first.


def plot(broken, fixed):
    _, axes = plt.subplots(
        2,
        1,
        figsize=(8, 5.4),
        height_ratios=(3, 2),
        layout="constrained",
    )
    for ax, title, dataset in (
        (axes[0], "broken: 24 samples, 16 different", broken.dataset),
        (axes[1], "fixed: 16 samples, 16 different", fixed.dataset),
    ):
        images = [dataset[i][0].permute(1, 2, 0) for i in range(len(dataset))]
        rows = [
            torch.cat(images[i : i + 8], dim=1)
            for i in range(0, len(images), 8)
        ]
        ax.imshow(torch.cat(rows))
        ax.set(title=title, xticks=[], yticks=[])
    plt.show()


if __name__ == "__main__":
    plot(broken, fixed)

# %%
# Find it in your code
# --------------------
# Read every index once, without random augmentation, and count equal samples. One
# sample that comes far more often than the others is a fallback or a true duplicate.


def highest_count(dataset):
    samples = (str(dataset[i][0].tolist()) for i in range(len(dataset)))
    return Counter(samples).most_common(1)[0][1]


if __name__ == "__main__":
    print("broken:", highest_count(broken.dataset))
    print("fixed: ", highest_count(fixed.dataset))
    assert highest_count(broken.dataset) == 9
    assert highest_count(fixed.dataset) == 1

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the failure and its cause.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("error-fallback-sample", "dataset.__getitem__")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * *All* indices return the same sample:
#   :doc:`/gallery/1_sample/plot_getitem_ignores_index`.
# * A ``WeightedRandomSampler`` draws a few samples many times:
#   :doc:`/gallery/3_order/plot_class_weights_as_sample_weights`.
# * All samples come equally often, but more than once:
#   :doc:`/gallery/1_sample/plot_wrong_length`.
# * Users reported this failure in `LAVIS#62
#   <https://github.com/salesforce/LAVIS/issues/62>`__ and `clip-retrieval#13
#   <https://github.com/rom1504/clip-retrieval/issues/13>`__.
