"""Measure whether one library's random numbers repeat in the workers of a DataLoader.

    python probe_library.py albumentations

Every probe has one form. Two workers make 8 samples of one input in each of two epochs.
Worker 0 makes the even samples and worker 1 the odd ones. The epochs are read without
help, with the library's own fix, and with ``dejabatch.seed_worker``.
"""

import argparse
import hashlib
import json
import os
import random
import warnings
from importlib.metadata import version

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

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


def read(make, init):
    """Return how two epochs of a new loader repeat."""
    loader = DataLoader(
        Augmented(make()),
        batch_size=None,
        num_workers=2,
        worker_init_fn=init,
        multiprocessing_context="fork",
        timeout=120,
    )
    first, second = (list(loader) for _ in range(2))
    return {
        "workers_equal": sum(a == b for a, b in zip(first[0::2], first[1::2])),
        "epochs_equal": sum(a == b for a, b in zip(first, second)),
        "distinct": len(set(first + second)),
    }


def main():
    """Print the measurements of one library as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=LIBRARIES)
    name = parser.parse_args().library
    make, own_init, own_fix = LIBRARIES[name]
    import dejabatch

    facts = {
        "version": version(name),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "does": " ".join(make.__doc__.split()),
        "plain": read(make, own_init or nothing),
    }
    if own_fix is not None:
        facts["fix"] = " ".join(own_fix.__doc__.split())
        facts["own_fix"] = read(make, own_fix)
    facts["seed_worker"] = read(make, dejabatch.seed_worker)
    print(json.dumps(facts))


if __name__ == "__main__":
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    warnings.simplefilter("ignore")
    random.seed()
    main()
