# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "pillow",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Dataset returns the same sample under different indices
=======================================================

A list can hold one object under many indices, and a lookup can merge several rows.

* **You see:** The sampler draws each index once, and yet some samples come several times
  in an epoch.
* **Because:** Several indices lead to one stored sample: a list holds one object several
  times, or an index is computed wrongly.
* **Do:** Store a copy for each index: ``samples.append(copy.deepcopy(sample))``.
"""

# %%
# See it happen
# -------------
# This dataset augments eight photographs in advance, and stores three crops of each. It
# fills one dictionary for each photograph, and appends that dictionary three times.

# sphinx_gallery_tags = ["repeated samples", "dataset"]
# sphinx_gallery_parallel = False

import copy
from collections import Counter

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import get_sample_data
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = v2.functional.pil_to_tensor(Image.open(file).convert("RGB"))
PHOTOGRAPHS = [
    PHOTOGRAPH[:, top : top + 280, left : left + 120]
    for top in (0, 300)
    for left in range(0, 480, 120)
]
CROP = v2.RandomResizedCrop((48, 48), scale=(0.1, 0.4))


class Crops(Dataset):
    def __init__(self):
        self.samples = []
        for label, image in enumerate(PHOTOGRAPHS):
            sample = {"label": label}
            for _ in range(3):
                sample["image"] = CROP(image)
                self.samples.append(sample)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


broken = DataLoader(Crops(), batch_size=4, shuffle=True)


def count_images(loader):
    """Count how often each image comes in one epoch."""
    return Counter(str(x.tolist()) for batch in loader for x in batch["image"])


if __name__ == "__main__":
    times = count_images(broken)
    print("broken:", len(times), "distinct of", times.total(), "crops")
    assert len(times) == 8
    assert set(times.values()) == {3}

# %%
# Why
# ---
# ``list.append`` stores a reference. The three entries are one dictionary, and each crop
# replaces the crop before. Length and order look right.

if __name__ == "__main__":
    first, second, third, other = broken.dataset.samples[:4]
    assert first is second is third
    assert first is not other
    assert sorted(broken.sampler) == list(range(24))

# %%
# A lookup merges samples, too. Here the key is the part of a file name that many files
# have in common: the last scan of each patient replaces the others.

NAMES = [f"patient{p}_scan{s}.png" for p in range(8) for s in range(3)]


class Scans(Dataset):
    def __init__(self, key):
        self.key = key
        images = torch.rand(24, 16, 16).numpy()
        self.images = {
            key(n): image for n, image in zip(NAMES, images, strict=True)
        }

    def __len__(self):
        return len(NAMES)

    def __getitem__(self, index):
        return {"image": self.images[self.key(NAMES[index])]}


def patient_of(name):
    return name.split("_")[0]


by_patient = DataLoader(Scans(patient_of), batch_size=4, shuffle=True)
by_name = DataLoader(Scans(str), batch_size=4, shuffle=True)

if __name__ == "__main__":
    merged, whole = count_images(by_patient), count_images(by_name)
    print("by patient:", len(merged), "distinct of", merged.total(), "scans")
    print("by name:   ", len(whole), "distinct of", whole.total(), "scans")
    assert len(merged) == len(by_patient.dataset.images) == 8
    assert len(whole) == len(by_name.dataset.images) == 24

# %%
# The fix
# -------
# Append a copy, or create the dictionary in the inner loop.


class CopiedCrops(Crops):
    def __init__(self):
        self.samples = []
        for label, image in enumerate(PHOTOGRAPHS):
            sample = {"label": label}
            for _ in range(3):
                sample["image"] = CROP(image)
                self.samples.append(copy.deepcopy(sample))


fixed = DataLoader(CopiedCrops(), batch_size=4, shuffle=True)

if __name__ == "__main__":
    times = count_images(fixed)
    print("fixed:", len(times), "distinct of", times.total(), "crops")
    assert len(times) == times.total() == 24

# %%
# Proof
# -----
# Each column is one photograph, and the rows are its three crops. The first picture
# repeats the last crop.


def plot(broken, fixed):
    _, axes = plt.subplots(1, 2, figsize=(9, 2.2), layout="constrained")
    for ax, title, dataset in (
        (axes[0], "broken: one crop, three times", broken.dataset),
        (axes[1], "fixed: three crops", fixed.dataset),
    ):
        images = [
            v2.functional.pad(sample["image"], 2, fill=255).permute(1, 2, 0)
            for sample in dataset
        ]
        rows = [torch.cat(images[row::3], dim=1) for row in range(3)]
        ax.imshow(torch.cat(rows))
        ax.set(title=title, xticks=[], yticks=[])
    plt.show()


if __name__ == "__main__":
    plot(broken, fixed)

# %%
# Find it in your code
# --------------------
# Compare the number of stored objects with the length. For a lookup, compare the number
# of its keys with the length.


def objects_and_length(items):
    return len({id(item) for item in items}), len(items)


if __name__ == "__main__":
    print("broken:", objects_and_length(broken.dataset.samples))
    print("fixed: ", objects_and_length(fixed.dataset.samples))
    assert objects_and_length(broken.dataset.samples) == (8, 24)
    assert objects_and_length(fixed.dataset.samples) == (24, 24)

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`). The report
# names the list, or ``__getitem__`` if a lookup merges samples.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("indices-share-a-sample", "dataset.samples")
    ]
    assert dejabatch.audit(fixed).ok
    (finding,) = dejabatch.audit(by_patient).findings
    print(finding.slug, "in", finding.where)
    print(finding.evidence)
    assert finding.slug == "indices-share-a-sample"
    assert finding.where == "dataset.__getitem__"
    assert dejabatch.audit(by_name).ok

# %%
# See also
# --------
# * An index beyond the stored samples starts over:
#   :doc:`/gallery/1_sample/plot_wrong_length`.
# * Broken files become one fallback sample:
#   :doc:`/gallery/1_sample/plot_error_fallback_sample`.
# * All rows of one *batch* are the last sample:
#   :doc:`/gallery/1_sample/plot_reused_buffer`.
# * The sampler draws an index several times:
#   :doc:`/gallery/3_order/plot_sampler_repeats_indices`.
