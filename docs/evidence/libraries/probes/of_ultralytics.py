"""Probes of the mosaics of Ultralytics YOLO, in the loaders that its trainer makes."""

import functools
import os
import tempfile
from pathlib import Path

import numpy as np
from behaviour import behaviour, count
from PIL import Image
from two_workers import alike_in_epochs, alike_in_workers

# Importing ultralytics writes its settings, which would end in the home folder.
SETTINGS = tempfile.TemporaryDirectory()
os.environ.update(YOLO_CONFIG_DIR=SETTINGS.name, YOLO_OFFLINE="true")

from ultralytics.cfg import get_cfg
from ultralytics.data import build_dataloader, build_yolo_dataset

IMAGES = 64
BATCH = 4


def write_images(folder, *, equal):
    """Write 64 images with one box each, whose class is the image's own or always 0."""
    pixels = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    for i in range(IMAGES):
        for kind in ("images", "labels"):
            (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{i:02}.png")
        box = f"{0 if equal else i} 0.5 0.5 0.9 0.9\n"
        (folder / "labels" / f"{i:02}.txt").write_text(box)


def two_epochs(folder, **options):
    """Return the batches of two epochs of the loader that trains on the images."""
    names = dict(enumerate(map(str, range(IMAGES))))
    settings = {"imgsz": 64, "task": "detect", "translate": 0.0, "scale": 0.0}
    settings = get_cfg(overrides={**settings, **options})
    loader = build_dataloader(
        build_yolo_dataset(
            settings,
            str(folder / "images"),
            BATCH,
            {"names": names, "nc": IMAGES, "channels": 3},
            mode="train",
        ),
        BATCH,
        2,
    )
    return [list(loader) for _epoch in (0, 1)]


@functools.cache
def classes_of_first_epoch(**options):
    """Return the classes of each sample: which images its mosaic shows."""
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), equal=False)
        batches, _ = two_epochs(Path(folder), **options)
    return [
        batch["cls"][batch["batch_idx"] == sample].flatten().tolist()
        for batch in batches
        for sample in range(BATCH)
    ]


def repeat_an_image(mosaics):
    """Return whether most first mosaics of both workers show an image twice.

    One in ten random mosaics of 64 images does so by chance.
    """
    twice = [len(set(mosaic)) < len(mosaic) for mosaic in mosaics]
    found = count(sum(twice), len(twice), "samples show an image twice")
    return 2 * sum(twice[: 2 * BATCH]) >= 2 * BATCH, found


@functools.cache
def mosaics_of_equal_images():
    """Return the pixels of each sample; only random numbers tell them apart."""
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), equal=True)
        epochs = two_epochs(Path(folder))
    return [[batch["img"].numpy().tobytes() for batch in batches] for batches in epochs]


@behaviour()
def mosaic_repeats_images():
    """Most of the first mosaics of a worker show an image twice."""
    return repeat_an_image(classes_of_first_epoch())


@behaviour()
def mosaic_repeats_images_cached_in_memory():
    """With `cache="ram"`, most of the first mosaics of a worker show an image twice."""
    return repeat_an_image(classes_of_first_epoch(cache="ram"))


@behaviour()
def sample_without_mosaic_repeats_images():
    """With `mosaic=0`, most of the first samples of a worker show an image twice."""
    return repeat_an_image(classes_of_first_epoch(mosaic=0.0))


@behaviour()
def mosaics_are_equal_in_workers():
    """All workers make the same mosaics of equal images."""
    return alike_in_workers(mosaics_of_equal_images())


@behaviour()
def mosaics_are_equal_in_epochs():
    """Every epoch has the same mosaics of equal images."""
    return alike_in_epochs(mosaics_of_equal_images())
