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
Every batch contains only one class
===================================

A folder of images is sorted by class, and a loader without shuffle keeps that order.

* **You see:** The loss jumps whenever the class changes, and the model predicts a
  single class.
* **Because:** The dataset is sorted by class, as ``ImageFolder`` is, and the loader
  keeps the dataset's order.
* **Do:** Pass ``shuffle=True`` to the training loader.
"""

# %%
# See it happen
# -------------
# The dataset has images of four shapes, with one folder for each shape. The training
# loader flips and crops the images at random, but does not shuffle.

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


# Spawned workers import this file, too, and must not write the images again.
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
    """Train a small model for eight epochs; return the model and its losses."""
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
def predictions_of(model, loader):
    """Return the number of predictions of each class, and the accuracy."""
    model.eval()
    pairs = [(model(images).argmax(1), labels) for images, labels in loader]
    predictions, labels = (
        torch.cat(part) for part in zip(*pairs, strict=True)
    )
    names = Counter(list(SHAPES)[predicted] for predicted in predictions)
    return dict(names), (predictions == labels).float().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)  # so small a model trains faster on one thread
    broken_model, broken_losses = train(broken(), lr=0.05)
    predictions, accuracy = predictions_of(broken_model, validation())
    print(f"broken: {accuracy:.0%} of the validation set is correct")
    assert predictions.get("stroke", 0) > 0.9 * 64
    assert accuracy < 0.35

# %%
# Why
# ---
# ``ImageFolder`` lists one class after another, and a loader without ``shuffle`` keeps
# that order. The first quarter of an epoch has only circles, the last quarter only
# strokes. The model learns the current class and forgets the other classes. The loss falls
# while the class stays the same, and jumps when the class changes.

if __name__ == "__main__":
    targets = broken().dataset.targets
    assert targets == sorted(targets)

    # An epoch has 6 batches of each of 4 classes. The mean skips the first epoch.
    by_position = np.reshape(broken_losses, (8, 4, 6))[1:].mean(axis=(0, 1))
    print(
        "mean loss of the 1st to 6th batch of a class:", by_position.round(2)
    )
    assert by_position[0] > by_position[-1] + 0.3

# %%
# With momentum, the model may predict a class other than the last one.

if __name__ == "__main__":
    model, _ = train(broken(), lr=0.01, momentum=0.9)
    predictions, accuracy = predictions_of(model, validation())
    print(f"with momentum: {predictions}; {accuracy:.0%} correct")
    assert max(predictions.values()) > 0.9 * 64
    assert predictions.get("stroke", 0) < 0.1 * 64

# %%
# The fix
# -------
# Pass ``shuffle=True``.


def fixed():
    dataset = ImageFolder(ROOT / "train", AUGMENT)
    return DataLoader(dataset, batch_size=8, shuffle=True)


if __name__ == "__main__":
    fixed_model, fixed_losses = train(fixed(), lr=0.05)
    predictions, accuracy = predictions_of(fixed_model, validation())
    print(f"fixed: {accuracy:.0%} of the validation set is correct")
    assert accuracy > 0.75

# %%
# A validation loader does not need ``shuffle``. A model in ``eval()`` gives the same
# predictions in any order.

if __name__ == "__main__":
    in_order = predictions_of(fixed_model, validation())
    shuffled = predictions_of(fixed_model, validation(shuffle=True))
    assert in_order == shuffled

# %%
# Proof
# -----
# Compare the colours in a bar: each bar is a batch, and each colour a class.


def labels_of_batches(loader):
    return [labels.tolist() for _, labels in loader]


def plot(broken_losses, fixed_losses):
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


if __name__ == "__main__":
    plot(broken_losses, fixed_losses)

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
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged. Random augmentation
# suggests a training loader, so the audit warns.
#
# Without augmentation, the loader may be for validation, and the audit reports nothing.
# With ``Expect(fixed_order=False)``, a fixed order is an error.

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
# * The loader cannot shuffle a stream:
#   :doc:`/gallery/4_streaming/plot_one_shard_per_batch`.
# * The order is shuffled but the same in every epoch:
#   :doc:`/gallery/3_order/plot_order_fixed_at_construction`.
# * Only the first few samples are drawn:
#   :doc:`/gallery/3_order/plot_class_weights_as_sample_weights`.
# * :class:`torch.utils.data.RandomSampler`, which ``shuffle=True`` uses.
