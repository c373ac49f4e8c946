"""Measure whether one library's random numbers repeat in the workers of a DataLoader.

    python probe_library.py albumentations

Every probe has one form. Two workers make 8 samples of one input in each of two epochs.
Worker 0 makes the even samples and worker 1 the odd ones. The epochs are read without
help, with the library's own fix, and with ``dejabatch.seed_worker``.

A data library reads 64 samples in a random order. Its results are 8 batches of 8 samples,
and worker 0 makes the even batches.
"""

import argparse
import hashlib
import io
import json
import os
import random
import tarfile
import tempfile
import warnings
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

import dejabatch

SAMPLES = 8
IMAGE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
SOUND = np.random.default_rng(0).normal(size=16_000).astype(np.float32)
VOLUME = np.random.default_rng(0).normal(size=(1, 16, 16, 16)).astype(np.float32)
TEXT = "The quick brown fox jumps over the lazy dog and runs into the deep wood"


def worker_seed():
    """Return a seed that differs between workers and between epochs."""
    return torch.initial_seed() % 2**31


# The libraries: each function returns a transform without arguments ------------------


def albumentations():
    """Crop an image."""
    import albumentations

    compose = albumentations.Compose([albumentations.RandomCrop(16, 16)])
    return Transform(lambda: compose(image=IMAGE)["image"], compose)


def monai():
    """Add noise to a volume."""
    from monai.transforms import RandGaussianNoise

    noise = RandGaussianNoise(prob=1.0)
    return Transform(lambda: np.asarray(noise(VOLUME)), noise)


def imgaug():
    """Shift an image."""
    from imgaug import augmenters

    shift = augmenters.Affine(translate_px=(-20, 20))
    return Transform(lambda: shift(image=IMAGE), shift)


def torchvision():
    """Crop an image with the second version of the transforms."""
    from torchvision.transforms import v2

    crop = v2.RandomCrop(16)
    image = torch.from_numpy(IMAGE).permute(2, 0, 1)
    return Transform(lambda: crop(image).numpy(), crop)


def kornia():
    """Rotate an image."""
    from kornia.augmentation import RandomRotation

    rotation = RandomRotation(90.0, p=1.0)
    image = torch.from_numpy(IMAGE).permute(2, 0, 1)[None] / 255
    return Transform(lambda: rotation(image).numpy(), rotation)


def audiomentations():
    """Add noise to a sound."""
    from audiomentations import AddGaussianNoise

    noise = AddGaussianNoise(p=1.0)
    return Transform(lambda: noise(samples=SOUND, sample_rate=16_000), noise)


def torch_audiomentations():
    """Change the loudness of a sound."""
    from torch_audiomentations import Gain

    gain = Gain(p=1.0)
    sound = torch.from_numpy(SOUND)[None, None]
    return Transform(lambda: np.asarray(gain(sound, sample_rate=16_000)), gain)


def torchio():
    """Add noise to a volume."""
    import torchio

    noise = torchio.RandomNoise(std=(0.1, 1.0))
    volume = torch.from_numpy(VOLUME)
    return Transform(lambda: noise(volume).numpy(), noise)


def volumentations():
    """Crop a volume."""
    from volumentations import Compose, RandomCrop

    compose = Compose([RandomCrop((8, 8, 8), p=1.0)], p=1.0)
    return Transform(lambda: compose(image=VOLUME[0])["image"], compose)


def batchgenerators():
    """Add noise to a volume."""
    from batchgenerators.transforms.noise_transforms import GaussianNoiseTransform

    noise = GaussianNoiseTransform(p_per_sample=1.0)
    return Transform(lambda: noise(data=VOLUME[None].copy())["data"], noise)


def nlpaug():
    """Swap the characters of a text."""
    from nlpaug.augmenter.char import RandomCharAug

    swap = RandomCharAug(action="swap")
    return Transform(lambda: np.frombuffer(swap.augment(TEXT)[0].encode(), "u1"), swap)


def opencv():
    """Draw noise from OpenCV's generator."""
    import cv2

    return Transform(lambda: cv2.randn(np.zeros(9), 0, 1), cv2)


def numba():
    """Draw from the generator that compiled functions use."""
    from numba import njit

    draw = njit(draw_with_numpy)
    draw()  # compiled once, before the workers start
    return Transform(lambda: np.array(draw()), draw)


def draw_with_numpy():
    """Draw a number; Numba compiles this function."""
    return np.random.random()


def faker():
    """Invent a name."""
    from faker import Faker

    fake = Faker()
    return Transform(lambda: np.frombuffer(fake.sha1().encode(), "u1"), fake)


def scikit_image():
    """Add noise to an image."""
    from skimage.util import random_noise

    return Transform(lambda: random_noise(IMAGE), random_noise)


def lightning():
    """Draw from torch after the worker_init_fn of seed_everything(workers=True)."""
    return Transform(lambda: torch.rand(4).numpy(), None)


# The worker_init_fn of Lightning, and the fixes that manuals recommend ---------------


def nothing(_worker_id):
    """Leave the worker as torch has seeded it."""


def lightning_init(worker_id):
    """Run the function that Lightning gives to every loader."""
    try:
        from lightning.fabric.utilities.seed import pl_worker_init_function
    except ImportError:
        from lightning_fabric.utilities.seed import pl_worker_init_function
    pl_worker_init_function(worker_id, rank=0)


def held():
    """Return what the transform of this worker's dataset holds."""
    return get_worker_info().dataset.transform.held


def seed_held(method):
    """Return a worker_init_fn that calls a method of the transform with a seed."""

    def seed(_worker_id):
        getattr(held(), method)(worker_seed())

    seed.__doc__ = f"Call `{method}` of the transform in each worker."
    return seed


def seed_monai(_worker_id):
    """Call `set_random_state` in each worker, as `monai.data.DataLoader` does."""
    held().set_random_state(seed=worker_seed())


def seed_imgaug(_worker_id):
    """Call `imgaug.seed` and `seed_` of the augmenter in each worker."""
    import imgaug

    imgaug.seed(worker_seed())
    held().seed_(worker_seed())


def seed_opencv(_worker_id):
    """Call `cv2.setRNGSeed` in each worker."""
    import cv2

    cv2.setRNGSeed(worker_seed())


def seed_numba(_worker_id):
    """Call a compiled function that runs `np.random.seed` in each worker."""
    from numba import njit

    njit(seed_with_numpy)(worker_seed())


def seed_with_numpy(seed):
    """Seed NumPy; Numba compiles this function."""
    np.random.seed(seed)


class Transform:
    """A call without arguments, and the object that the library made."""

    def __init__(self, call, held):
        self.call = call
        self.held = held


LIBRARIES = {
    # name: (transform, the worker_init_fn that the library adds, the library's own fix)
    "albumentations": (albumentations, None, seed_held("set_random_seed")),
    "albumentationsx": (albumentations, None, None),
    "monai": (monai, None, seed_monai),
    "imgaug": (imgaug, None, seed_imgaug),
    "torchvision": (torchvision, None, None),
    "kornia": (kornia, None, None),
    "audiomentations": (audiomentations, None, None),
    "torch-audiomentations": (torch_audiomentations, None, None),
    "torchio": (torchio, None, None),
    "volumentations-3D": (volumentations, None, None),
    "batchgenerators": (batchgenerators, None, None),
    "nlpaug": (nlpaug, None, None),
    "opencv-python-headless": (opencv, None, seed_opencv),
    "numba": (numba, None, seed_numba),
    "faker": (faker, None, seed_held("seed_instance")),
    "scikit-image": (scikit_image, None, None),
    "lightning": (lightning, lightning_init, None),
}


class Augmented(Dataset):
    """Apply a transform to one input, and return a digest of the result."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        made = np.ascontiguousarray(self.transform.call())
        return hashlib.sha256(made.tobytes()).hexdigest()


def augmenting(make, init):
    """Return a loader of augmented samples with two workers."""
    return DataLoader(
        Augmented(make()),
        batch_size=None,
        num_workers=2,
        worker_init_fn=init,
        multiprocessing_context="fork",
        timeout=120,
    )


# The data libraries: each function returns a dataset of 64 numbers, shuffled -----------

NUMBERS = 64
SHARDS = 8


def webdataset(folder):
    """Shuffle 8 tar files and a buffer of 16 samples."""
    import webdataset

    paths = [str(Path(folder, f"{shard}.tar")) for shard in range(SHARDS)]
    for path, numbers in zip(paths, np.arange(NUMBERS).reshape(SHARDS, -1)):
        with tarfile.open(path, "w") as tar:
            for number in numbers:
                content = str(number).encode()
                member = tarfile.TarInfo(f"{number}.txt")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    stream = webdataset.WebDataset(paths, shardshuffle=SHARDS).shuffle(16)
    return stream.map(lambda sample: int(sample["txt"]))


def datasets(_folder):
    """Shuffle an iterable dataset of 8 shards with a buffer of 16 samples."""
    import datasets

    table = datasets.Dataset.from_dict({"number": list(range(NUMBERS))})
    stream = table.to_iterable_dataset(num_shards=SHARDS)
    return stream.shuffle(seed=0, buffer_size=16)


def grain(_folder):
    """Shuffle a `MapDataset`."""
    import grain

    return grain.MapDataset.source(range(NUMBERS)).shuffle(seed=0)


def litdata(folder):
    """Shuffle a `StreamingDataset` of 8 chunks."""
    import litdata
    from litdata.streaming.writer import BinaryWriter

    writer = BinaryWriter(folder, chunk_size=NUMBERS // SHARDS)
    for number in range(NUMBERS):
        writer[number] = {"number": number}
    writer.done()
    writer.merge()
    return litdata.StreamingDataset(folder, shuffle=True)


def mosaicml_streaming(folder):
    """Shuffle a `StreamingDataset` of several shards."""
    import streaming

    local = str(Path(folder, "shards"))
    shards = {"out": local, "columns": {"number": "int"}, "size_limit": 200}
    with streaming.MDSWriter(**shards) as writer:
        for number in range(NUMBERS):
            writer.write({"number": number})
    return streaming.StreamingDataset(local=local, shuffle=True, batch_size=8)


def collate(samples):
    """Return the numbers of a batch."""
    return tuple(s["number"] if isinstance(s, dict) else int(s) for s in samples)


def loader_of(dataset, init=None, kind=DataLoader):
    """Return a loader of the 64 numbers with two workers."""
    return kind(
        dataset,
        batch_size=NUMBERS // SAMPLES,
        num_workers=2,
        worker_init_fn=init,
        collate_fn=collate,
        multiprocessing_context="fork",
        timeout=120,
    )


# The ways that the manuals of data libraries recommend ---------------------------------


def set_epoch(folder):
    """Call `set_epoch` of the dataset before each epoch."""
    dataset = datasets(folder)
    loader = loader_of(dataset)
    epochs = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        epochs.append(list(loader))
    return epochs


def repeat(folder):
    """Call `repeat` of the dataset, and read all epochs in one pass."""
    batches = list(loader_of(grain(folder).repeat(2)))
    return batches[:SAMPLES], batches[SAMPLES:]


def litdata_loader(folder):
    """Use `StreamingDataLoader` in place of torch's `DataLoader`."""
    from litdata import StreamingDataLoader

    return two_epochs(loader_of(litdata(folder), kind=StreamingDataLoader))


DATA_LIBRARIES = {
    # name: (dataset, the library's own fix)
    "webdataset": (webdataset, None),
    "datasets": (datasets, set_epoch),
    "grain": (grain, repeat),
    "litdata": (litdata, litdata_loader),
    "mosaicml-streaming": (mosaicml_streaming, None),
}


# The measurements ----------------------------------------------------------------------


def two_epochs(loader):
    """Return the results of two epochs."""
    return list(loader), list(loader)


def compared(first, second):
    """Return how the results of two epochs repeat."""
    return {
        "workers_equal": sum(a == b for a, b in zip(first[0::2], first[1::2])),
        "epochs_equal": sum(a == b for a, b in zip(first, second)),
        "distinct": len({*first, *second}),
    }


def measure_augmentation(name):
    """Return how a transform of one library repeats."""
    make, own_init, own_fix = LIBRARIES[name]
    inits = {"plain": own_init or nothing, "own_fix": own_fix}
    inits["seed_worker"] = dejabatch.seed_worker
    facts = {
        key: compared(*two_epochs(augmenting(make, init)))
        for key, init in inits.items()
        if init is not None
    }
    return described(make, own_fix) | facts


def measure_data(name):
    """Return how a dataset of one library repeats, and whether an epoch is complete."""
    make, own_fix = DATA_LIBRARIES[name]
    ways = {
        "plain": lambda folder: two_epochs(loader_of(make(folder))),
        "own_fix": own_fix,
        "seed_worker": lambda folder: two_epochs(
            loader_of(make(folder), dejabatch.seed_worker)
        ),
    }
    facts = described(make, own_fix)
    for key, way in ways.items():
        if way is not None:
            with tempfile.TemporaryDirectory() as folder:
                epochs = way(folder)
            read = [sorted(chain.from_iterable(epoch)) for epoch in epochs]
            once = read == [list(range(NUMBERS))] * 2
            facts[key] = compared(*epochs) | {"each_sample_once": once}
    return facts


def described(make, own_fix):
    """Return what a probe does, and what the library's own fix is."""
    facts = {"does": " ".join(make.__doc__.split())}
    if own_fix is not None:
        facts["fix"] = " ".join(own_fix.__doc__.split())
    return facts


def main():
    """Print the measurements of one library as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=[*LIBRARIES, *DATA_LIBRARIES])
    name = parser.parse_args().library
    measure = measure_augmentation if name in LIBRARIES else measure_data
    facts = {
        "version": version(name),
        "torch": version("torch"),
        "numpy": version("numpy"),
        **measure(name),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    warnings.simplefilter("ignore")
    random.seed()
    main()
