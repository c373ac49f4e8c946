# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "pillow",
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Each batch has samples of one class only
========================================

A folder of images is in the order of its classes, and so is every epoch.

* **You see:** The loss jumps whenever the class changes, and the model predicts one
  class only.
* **Because:** The dataset is sorted by class, as a folder of images is, and the loader
  keeps that order.
* **Do:** Pass ``shuffle=True`` to the loader for training.
"""

# %%
# See it happen
# -------------
# Images of four shapes, in a folder for each shape. The loader flips and crops them at
# random, for training.

# sphinx_gallery_tags = ["same in every epoch", "shuffle", "files", "validation"]
# sphinx_gallery_parallel = False

import atexit
import tempfile
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

SHAPES = {
    "circle": lambda pen, box: pen.ellipse(box, "white"),
    "ring": lambda pen, box: pen.ellipse(box, outline="white", width=3),
    "square": lambda pen, box: pen.rectangle(box, "white"),
    "stroke": lambda pen, box: pen.line(box, "white", width=4),
}


def write_images():
    """Save 48 images of each shape for training, and 16 for validation."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    root = Path(folder.name)
    rng = np.random.default_rng(0)
    for split, count in (("train", 48), ("val", 16)):
        for shape, draw in SHAPES.items():
            (root / split / shape).mkdir(parents=True)
            for number in range(count):
                noise = rng.integers(100, size=(32, 32, 3), dtype=np.uint8)
                image = Image.fromarray(noise)
                left, top = rng.integers(2, 12, size=2).tolist()
                draw(ImageDraw.Draw(image), (left, top, left + 16, top + 16))
                image.save(root / split / shape / f"{number:02}.png")
    return root


# A spawned worker imports this file, too. It needs no files of its own.
ROOT = Path() if __name__ == "__mp_main__" else write_images()
EVALUATE = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
AUGMENT = v2.Compose(
    [EVALUATE, v2.RandomHorizontalFlip(), v2.RandomCrop(32, padding=2)]
)


def broken():
    return DataLoader(ImageFolder(ROOT / "train", AUGMENT), batch_size=8)


def validation(**options):
    dataset = ImageFolder(ROOT / "val", EVALUATE)
    return DataLoader(dataset, batch_size=8, **options)


def train(loader, **options):
    """Train a small model for eight epochs; return it, and the loss of each batch."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 32, 7, stride=2),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 4),
    )
    optimizer = torch.optim.SGD(model.parameters(), **options)
    losses = []
    for _ in range(8):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return model, losses


@torch.no_grad()
def answers_of(model, loader):
    """Return how often the model predicts each class, and how often rightly."""
    model.eval()
    pairs = [(model(images).argmax(1), labels) for images, labels in loader]
    answers, labels = (torch.cat(part) for part in zip(*pairs, strict=True))
    names = Counter(list(SHAPES)[answer] for answer in answers)
    return dict(names), (answers == labels).float().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)  # more would only get in each other's way here
    broken_model, broken_losses = train(broken(), lr=0.05)
    answers, right = answers_of(broken_model, validation())
    print(f"it predicts {answers}; {right:.0%} are right")
    assert answers.get("stroke", 0) > 0.9 * 64
    assert right < 0.35

# %%
# Why
# ---
# A dataset of folders lists one class after the other, and a loader without ``shuffle``
# keeps the order of the dataset. Each step of the first quarter of an epoch then says
# *circle*, each of the last quarter *stroke*. The model learns the present class
# and forgets the others. The loss falls while a class lasts, and jumps with the next.

if __name__ == "__main__":
    targets = broken().dataset.targets
    assert targets == sorted(targets)

    # 24 batches in an epoch, 6 of each class. The first epoch is left out.
    by_place = np.reshape(broken_losses, (8, 4, 6))[1:].mean(axis=(0, 1))
    print("mean loss, by place in the run of a class:", by_place.round(2))
    assert by_place[0] > by_place[-1] + 0.3

# %%
# With momentum, steps go on in the old direction for a while. The one class that is left
# then need not be the last.

if __name__ == "__main__":
    model, _ = train(broken(), lr=0.01, momentum=0.9)
    answers, right = answers_of(model, validation())
    print(f"with momentum it predicts {answers}; {right:.0%} are right")
    assert max(answers.values()) > 0.9 * 64
    assert answers.get("stroke", 0) < 0.1 * 64

# %%
# The fix
# -------
# Shuffle.


def fixed():
    dataset = ImageFolder(ROOT / "train", AUGMENT)
    return DataLoader(dataset, batch_size=8, shuffle=True)


if __name__ == "__main__":
    fixed_model, fixed_losses = train(fixed(), lr=0.05)
    answers, right = answers_of(fixed_model, validation())
    print(f"it predicts {answers}; {right:.0%} are right")
    assert right > 0.75

# %%
# A loader for validation is right without: a model in ``eval()`` gives each image the
# same answer in any order.

if __name__ == "__main__":
    in_order = answers_of(fixed_model, validation())
    shuffled = answers_of(fixed_model, validation(shuffle=True))
    assert in_order == shuffled

# %%
# Proof
# -----
# The classes in each batch of an epoch, and the loss in the last epoch.


def labels_of_batches(loader):
    return [labels.tolist() for _, labels in loader]


if __name__ == "__main__":
    figure, axes = plt.subplots(
        2, 2, figsize=(7, 3.4), sharex=True, sharey="row", layout="constrained"
    )
    for column, name, loader, losses in (
        (0, "broken", broken(), broken_losses),
        (1, "fixed", fixed(), fixed_losses),
    ):
        top, bottom = axes[:, column]
        batches = labels_of_batches(loader)
        below = np.zeros(24)
        for label, hatch in enumerate(("", "//", "xx", "..")):
            counts = np.array([batch.count(label) for batch in batches])
            top.bar(
                range(24),
                counts,
                1,
                below,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
                label=list(SHAPES)[label],
            )
            below += counts
        bottom.plot(losses[-24:], "o-", markersize=3, color="C0")
        top.set(title=name)
        bottom.set(xlabel="batch")
    axes[0, 0].set(ylabel="samples")
    axes[1, 0].set(ylabel="loss")
    figure.legend(
        *top.get_legend_handles_labels(), loc="outside upper center", ncols=4
    )
    plt.show()

# %%
# Find it in your code
# --------------------
# Count the classes in each batch.


def classes_per_batch(loader):
    return [len(set(labels)) for labels in labels_of_batches(loader)]


if __name__ == "__main__":
    print("broken:", classes_per_batch(broken()))
    print("fixed: ", classes_per_batch(fixed()))
    assert set(classes_per_batch(broken())) == {1}
    assert np.mean(classes_per_batch(fixed())) > 2

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it. Random samples tell it that the loader is for training, and it warns.
#
# Where nothing is random, only you know what the loader is for. Say that its order should
# not be fixed, and the same is an error.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("sorted-without-shuffle", "sampler")
    ]
    assert report.findings[0].severity == "warning"
    assert dejabatch.audit(fixed).ok

    loader = validation()
    assert dejabatch.audit(loader).ok
    for_training = dejabatch.Expect(fixed_order=False)
    (finding,) = dejabatch.audit(loader, expect=for_training).findings
    assert finding.slug == "sorted-without-shuffle"
    assert finding.severity == "error"

# %%
# See also
# --------
# * A stream cannot be shuffled by the loader:
#   :doc:`/gallery/4_streaming/plot_one_shard_per_batch`.
# * The order is shuffled, and is the same in every epoch:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * Only the first few samples are drawn, all of one class:
#   :doc:`/gallery/3_order/plot_class_weights_as_sample_weights`.
# * :class:`torch.utils.data.DataLoader`, and :class:`torch.utils.data.RandomSampler`,
#   which ``shuffle=True`` stands for.
