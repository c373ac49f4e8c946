"""Audit loaders rebuilt from public reports, and write the table of the page.

Run it as ``python docs/evidence/audit_in_the_wild.py``. Each case has the loader that a
report describes, in our own code, and the failure mode of the report.
"""

from __future__ import annotations

import atexit
import datetime
import functools
import io
import itertools
import multiprocessing
import os
import platform
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from PIL import Image
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
    get_worker_info,
    random_split,
)
from torchvision.transforms import v2

import dejabatch

PAGE = Path(__file__).with_name("audit-in-the-wild.inc")
IMAGES = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(3))
TWO: dict[str, Any] = {"batch_size": 4, "num_workers": 2, "shuffle": True}


class Images(Dataset):
    """Forty different images."""

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, index):
        return IMAGES[index]


# Random numbers ----------------------------------------------------------------------


class RandomContrast:
    def __init__(self, random_state):
        self.random_state = random_state

    def __call__(self, volume):
        return volume * self.random_state.uniform(0.5, 1.5)


class RandomRotate90(RandomContrast):
    def __call__(self, volume):
        return torch.rot90(volume, int(self.random_state.randint(4)), (1, 2))


class Volumes(Images):
    """A transformer that gives its transforms generators of one seed."""

    def __init__(self, seed=47):
        self.transforms = [
            RandomRotate90(np.random.RandomState(seed)),
            RandomContrast(np.random.RandomState(seed)),
        ]

    def __getitem__(self, index):
        volume = IMAGES[index]
        for transform in self.transforms:
            volume = transform(volume)
        return volume


def monai_transform():
    from monai.data import Dataset as MonaiDataset
    from monai.transforms import Randomizable, Transform

    class RandScale(Randomizable, Transform):
        def randomize(self, data=None):
            self.value = self.R.random()

        def __call__(self, data):
            self.randomize()
            return data * self.value

    def worker_init_fn(worker_id):
        np.random.seed(random.randint(0, 2**32 - 1))

    dataset = MonaiDataset(list(IMAGES), transform=RandScale())
    return DataLoader(
        dataset, batch_size=4, num_workers=2, worker_init_fn=worker_init_fn
    )


def albumentations_compose():
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # asks a server for its version
    import albumentations as A

    class Photographs(Images):
        def __init__(self):
            self.augmentations = A.Compose(
                [A.HorizontalFlip(p=0.5), A.Affine(p=0.5), A.CoarseDropout(p=0.5)]
            )

        def __getitem__(self, index):
            image = (IMAGES[index].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
            return self.augmentations(image=image)["image"]

    return DataLoader(Photographs(), **TWO)


class RandomFlips(Images):
    """Flip and rotate with the generators of Python and NumPy."""

    def __getitem__(self, index):
        image = IMAGES[index]
        if random.random() > 0.5:
            image = image.flip(2)
        return torch.rot90(image, int(np.random.randint(4)), (1, 2)) + random.random()


class NumpyJitter(Images):
    """Draw from NumPy's global generator in each sample."""

    def __getitem__(self, index):
        return IMAGES[index] * np.random.uniform(0.5, 1.5)


def seed_plus_worker(worker_id):
    random.seed(1337 + worker_id)


def seed_of_the_rank(worker_id, rank, seed):
    random.seed(rank + seed)
    np.random.seed(rank + seed)
    torch.manual_seed(rank + seed)


def state_plus_worker(worker_id):
    np.random.seed(np.random.get_state()[1][0] + worker_id)


def seed_from_the_system(worker_id):
    np.random.seed()


class EightGaussians(Dataset):
    """Points around eight centres, from a seed that the constructor takes."""

    def __init__(self, n_samples=64, seed=7):
        torch.manual_seed(seed)
        angles = torch.randint(8, (n_samples,)) * (torch.pi / 4)
        centres = torch.stack([angles.cos(), angles.sin()], dim=1)
        self.points = 4 * centres + 0.2 * torch.randn(n_samples, 2)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.points[index]


class ColourAndDepth(Images):
    """Give both transforms of a sample one seed, which each sample draws."""

    def __getitem__(self, index):
        seed = random.randrange(sys.maxsize)
        random.seed(seed)
        colour = IMAGES[index] * random.uniform(0.5, 1.5)
        random.seed(seed)
        depth = IMAGES[index].mean(dim=0) * random.uniform(0.5, 1.5)
        return colour, depth


class Recordings(Dataset):
    """Keep augmented copies, and return one of them in 10 % of the cases."""

    def __init__(self):
        self.generator = torch.Generator()
        self.samples = [torch.rand(64) for _ in range(40)]
        self.augmented = [s + 0.1 * torch.randn(64) for s in self.samples]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        draw = torch.rand((), generator=self.generator).item()
        return (self.augmented if draw >= 0.9 else self.samples)[index]


# Stored data --------------------------------------------------------------------------


class Documents(Dataset):
    """Convert boxes to relative coordinates, in the stored target."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.data = [
            (index, {"boxes": rng.uniform(0, 512, (5, 4)), "labels": ["word"] * 5})
            for index in range(40)
        ]

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        number, target = self.data[index]
        target["boxes"][:, [0, 2]] /= 512
        target["boxes"][:, [1, 3]] /= 512
        return IMAGES[number], target["boxes"].copy()


class CharacterBoxes(Dataset):
    """Scale an image and its character boxes at random."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.charbox = [rng.uniform(0, 99, (2, 4, n)) for n in range(3, 43)]

    def __len__(self):
        return len(self.charbox)

    def __getitem__(self, index):
        boxes = self.charbox[index].transpose((2, 1, 0))
        boxes *= random.choice([0.5, 1.0, 1.5, 2.0])
        return boxes.copy()


class Cifar(Dataset):
    """Normalise and flip the row of an array that holds all images."""

    def __init__(self):
        self.inputs = IMAGES.numpy().copy()

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        image = self.inputs[index, ...]
        for channel in range(3):
            image[channel] = (image[channel] - 0.45) / 0.25
        if random.random() < 0.5:
            image[:] = image[:, :, ::-1].copy()
        return image.copy()


class Episodes(Dataset):
    """Pop the observations out of the episode that was read last."""

    shard, shard_index = None, None

    def __len__(self):
        return 20

    def read(self, index):
        return [{"action": float(i), "observation": index + i / 9} for i in range(9)]

    def __getitem__(self, index):
        if self.shard_index != index:
            self.shard, self.shard_index = self.read(index), index
        values = [step.pop("observation") for step in self.shard]
        return torch.tensor([step["action"] for step in self.shard] + values)


def photographs():
    """Return forty encoded images, of which every fifth is cut off."""
    files = []
    for number, image in enumerate(IMAGES):
        content = io.BytesIO()
        pixels = (image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(content, "PNG")
        files.append(content.getvalue()[: 200 if number % 5 == 2 else None])
    return files


class TextAndImages(Dataset):
    """Take the next image if an image is corrupt."""

    def __init__(self):
        self.files = photographs()

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        try:
            with Image.open(io.BytesIO(self.files[index])) as image:
                return v2.functional.pil_to_tensor(image)
        except OSError:
            return self.__getitem__((index + 1) % len(self))


class PeopleInImages(Dataset):
    """One row for each person: several rows share an image, with other boxes."""

    def __init__(self):
        people = (2, 1, 3, 1, 4, 1, 2, 3, 1, 2)
        rng = np.random.default_rng(0)
        names = np.repeat(np.arange(10), people)
        self.rows = [(name, rng.uniform(0, 8, 4)) for name in names]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        name, box = self.rows[index]
        return IMAGES[name], box


class Mosaics(Images):
    """Paste images from a buffer of those that were read last."""

    def __init__(self):
        self.buffer = []

    def __getitem__(self, index):
        self.buffer = [*self.buffer, index][-16:]
        others = random.choices(self.buffer, k=3)
        top = torch.cat([IMAGES[index], IMAGES[others[0]]], dim=2)
        return torch.cat([top, torch.cat([*IMAGES[others[1:]]], dim=2)], dim=1)


class RandomPairs(Images):
    """Draw two images at random; the index only counts."""

    def __getitem__(self, index):
        one, other = random.sample(range(len(IMAGES)), k=2)
        return IMAGES[one], IMAGES[other]


class RandomFileNames(Images):
    """Draw a new list of names for each sample, to set the length of an epoch."""

    def __len__(self):
        return 60

    def __getitem__(self, index):
        names = list(range(40)) + torch.randperm(40)[:20].tolist()
        random.shuffle(names)
        return IMAGES[names[index]] * random.uniform(0.9, 1.1)


class CachesFirstTransforms(Images):
    """Keep the result of the transforms before the first random one."""

    def __init__(self):
        self.cache = {}

    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = (IMAGES[index] - 0.5) / 0.25
        return self.cache[index] + 0.1 * torch.randn(3, 8, 8)


# Batches and loaders -------------------------------------------------------------------


class CacheDataloader(DataLoader):
    """Collate a few images, and yield them several times before the next ones."""

    def __init__(self, dataset, images, times):
        super().__init__(dataset)
        self.images, self.times = images, times
        self.repeated, self.kept = 0, None

    def __iter__(self):
        while True:
            if self.kept is None or self.repeated >= self.times:
                chosen = random.sample(range(len(self.dataset)), k=self.images)
                self.kept = torch.stack([self.dataset[i] for i in chosen])
                self.repeated = 0
            else:
                self.repeated += 1
            yield self.kept


class RepeatForever:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


class MultiEpochsDataLoader(DataLoader):
    """Keep the workers by a batch sampler that never ends."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", RepeatForever(self.batch_sampler))
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)


class FillsOneArray(IterableDataset):
    """Write each sample of a stream into one array."""

    def __iter__(self):
        array = np.empty((3, 8, 8), dtype=np.float32)
        for image in IMAGES:
            array[:] = image
            yield array


def torch_from_list(samples):
    return torch.stack([torch.from_numpy(sample) for sample in samples])


# Samplers ------------------------------------------------------------------------------


class ShufflesTensor(Sampler):
    def __iter__(self):
        order = torch.arange(40)
        random.shuffle(order)
        return iter(order.tolist())

    def __len__(self):
        return 40


class SeededBatches(Sampler):
    """Seed the global generator before each shuffle."""

    def __init__(self, seed=0):
        self.seed = seed

    def __iter__(self):
        random.seed(self.seed)
        starts = list(range(0, 40, 4))
        random.shuffle(starts)
        return iter([list(range(start, start + 4)) for start in starts])

    def __len__(self):
        return 10


class PregeneratedBuckets(Sampler):
    """Shuffle each bucket of equal shapes and cut its batches in the constructor."""

    def __init__(self):
        self.batches = []
        for bucket in (list(range(0, 40, 2)), list(range(1, 40, 2))):
            random.shuffle(bucket)
            self.batches += [bucket[i : i + 4] for i in range(0, 20, 4)]

    def __iter__(self):
        random.shuffle(self.batches)
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


class DynamicBuckets(PregeneratedBuckets):
    """Fill the buckets in the order of the data, and draw from which one to take."""

    def __init__(self):
        self.lengths = torch.randint(1, 99, (40,), generator=torch.Generator())

    def __iter__(self):
        short = [i for i in range(40) if self.lengths[i] < 50]
        long = [i for i in range(40) if self.lengths[i] >= 50]
        batches = [
            bucket[i : i + 4]
            for bucket in (short, long)
            for i in range(0, len(bucket), 4)
        ]
        return iter(random.sample(batches, k=len(batches)))

    def __len__(self):
        return sum(1 for _ in self)


def pooled_batches():
    """Yield batches of similar lengths, as a generator that a tutorial calls once."""
    order = random.sample(range(40), k=40)
    for start in range(0, 40, 4):
        yield order[start : start + 4]


class RepeatedAugmentation(Sampler):
    """Draw each index three times in a row, and give each rank its part."""

    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        generator = torch.Generator().manual_seed(self.epoch)
        order = torch.randperm(40, generator=generator).repeat_interleave(3)
        return iter(order[::2].tolist()[:20])

    def __len__(self):
        return 20


class BatchAugmentation(Sampler):
    def __iter__(self):
        order = torch.randperm(40).repeat_interleave(2)
        return iter(order.tolist())

    def __len__(self):
        return 80


# Streams -------------------------------------------------------------------------------


class Records(IterableDataset):
    """Read the records of a file."""

    def __iter__(self):
        yield from IMAGES


class ShuffledNumbers(IterableDataset):
    """Shuffle ten numbers in each worker."""

    def __iter__(self):
        numbers = [[float(n)] * 4 for n in range(10)]
        random.shuffle(numbers)
        yield from torch.tensor(numbers)


class Chunks(IterableDataset):
    """Read the part of the list that ``worker_init_fn`` has set."""

    def __init__(self):
        self.indices = list(range(40))

    def __iter__(self):
        order = torch.randperm(len(self.indices)).tolist()
        yield from (IMAGES[self.indices[i]] for i in order)


def take_part(worker_id):
    info = get_worker_info()
    dataset = info.dataset
    dataset.indices = dataset.indices[worker_id :: info.num_workers]


class CountsItsEpochs(IterableDataset):
    """Shuffle by an epoch that ``__iter__`` counts in the worker."""

    epoch = 0

    def __iter__(self):
        generator = np.random.default_rng(self.epoch)
        self.epoch += 1
        order = generator.permutation(40)
        info = get_worker_info()
        yield from (IMAGES[i] for i in order[info.id :: info.num_workers])


# Workers and ranks ---------------------------------------------------------------------


class KnowsTheEpoch(Images):
    """Choose a sample from the epoch, the index and the seed."""

    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        generator = np.random.default_rng([self.epoch, index])
        return IMAGES[generator.integers(40)] * generator.uniform(0.9, 1.1)


class HasAnEpoch(Images):
    """Read an attribute that the training loop sets before each epoch."""

    epoch = 0

    def __getitem__(self, index):
        return IMAGES[index] * (1 + self.epoch)


class SharesTheEpoch(KnowsTheEpoch):
    """Keep the epoch in memory that all workers share."""

    def __init__(self):
        self.value = multiprocessing.Value("i", 0)

    def set_epoch(self, epoch):
        self.value.value = epoch

    def __getitem__(self, index):
        generator = np.random.default_rng([self.value.value, index])
        return IMAGES[index] * generator.uniform(0.9, 1.1)


@functools.cache
def hdf5_file():
    """Write the images to a file that this process deletes at its end."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    path = Path(folder, "images.h5")
    with h5py.File(path, "w") as file:
        file["images"] = IMAGES.numpy()
    return path


class Hdf5Images(Images):
    def __init__(self):
        self.file = h5py.File(hdf5_file(), "r")

    def __getitem__(self, index):
        return self.file["images"][index]


class Hdf5ImagesOpenedLate(Images):
    file = None

    def __init__(self):
        self.path = hdf5_file()

    def __getitem__(self, index):
        if self.file is None:
            self.file = h5py.File(self.path, "r")
        return self.file["images"][index]


# Splits --------------------------------------------------------------------------------


class Augmented(Images):
    def __init__(self):
        self.transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(6)])

    def __getitem__(self, index):
        return self.transform(IMAGES[index])


def parts_of_one_augmented_set():
    dataset = Augmented()
    order = torch.randperm(40).tolist()
    return tuple(
        DataLoader(dataset, batch_size=4, sampler=SubsetRandomSampler(part))
        for part in (order[8:], order[:8])
    )


def validation_from_the_training_set():
    dataset = Images()
    validation = Subset(dataset, random.sample(range(40), k=8))
    return DataLoader(dataset, 4, shuffle=True), DataLoader(validation, 4)


def training_on_the_whole_set():
    dataset = NumpyJitter()
    _, validation = random_split(dataset, [0.8, 0.2])
    return DataLoader(dataset, 4, shuffle=True), DataLoader(validation, 4)


@dataclass(frozen=True)
class Case:
    """A loader that a report describes.

    Attributes
    ----------
    symptom : str
        The symptom, in our words.
    source : str
        The address of the report below ``https://github.com/``.
    make : callable
        Returns the loader, or the two loaders to compare.
    truth : str or None
        Slug of the failure mode that the report describes; None for a right loader.
    or_else : str or None
        Slug of a failure mode that describes the report as well.
    because : str
        Why the answer is wrong.
    """

    symptom: str
    source: str
    make: Callable[[], Any]
    truth: str | None = None
    or_else: str | None = None
    because: str = ""


def loader(make: Callable[[], Any], **options: Any) -> Callable[[], DataLoader]:
    """Return a function that makes the dataset and its loader."""
    return lambda: DataLoader(make(), **{"batch_size": 4} | options)


HILAB = "HiLab-git/SSL4MIS/blob/06df6047a59aba9988ced8331998b5957ecb356b/"
UNET = "bubbliiiing/unet-pytorch/blob/5bcd6b4c832648beed1b92e78ed1e85c56343eca/"
VOTENET = "facebookresearch/votenet/blob/2f6d6d36ff98d96901182e935afe48ccee82d566/"
CASES = (
    Case(
        "All workers rotate volumes by the same angles",
        "wolny/pytorch-3dunet/issues/32",
        loader(Volumes, **TWO),
        "rng-object-on-dataset",
    ),
    Case(
        "A transform of MONAI repeats its numbers in each worker",
        "Project-MONAI/MONAI/issues/1068",
        monai_transform,
        "library-holds-its-own-rng",
        or_else="rng-object-on-dataset",
    ),
    Case(
        "Augmentations repeat at each position of a batch",
        "albumentations-team/AlbumentationsX/issues/266",
        albumentations_compose,
        "library-holds-its-own-rng",
    ),
    Case(
        "`worker_init_fn` seeds with a constant and the worker's number",
        HILAB + "code/train_adversarial_network_2D.py#L94",
        loader(RandomFlips, worker_init_fn=seed_plus_worker, **TWO),
        "worker-seed-without-epoch",
    ),
    Case(
        "`worker_init_fn` seeds all workers of a rank alike",
        UNET + "utils/utils.py#L61",
        loader(
            RandomFlips,
            worker_init_fn=functools.partial(seed_of_the_rank, rank=0, seed=11),
            **TWO,
        ),
        "constant-worker-seed",
    ),
    Case(
        "`worker_init_fn` adds the worker's number to NumPy's state",
        VOTENET + "eval.py#L71",
        loader(NumpyJitter, worker_init_fn=state_plus_worker, **TWO),
        "get-state-recipe",
    ),
    Case(
        "Creating a synthetic dataset sets the global seed",
        "soran-ghaderi/torchebm/issues/319",
        loader(EightGaussians, shuffle=True),
        "seed-in-constructor",
    ),
    Case(
        "Augmented recordings are cached and never drawn again",
        "chaosparrot/parrot.py/issues/14",
        loader(Recordings, **TWO),
        "augmented-once",
        because="each index has two stored results, and a random number chooses between "
        "them. `audit` sees the number vary. It names another fault of the same code: "
        "both workers copy the generator that draws the number.",
    ),
    Case(
        "Targets change when a dataset is read twice",
        "mindee/doctr/issues/840",
        loader(Documents, shuffle=True),
        "inplace-edit-of-stored-data",
    ),
    Case(
        "Character boxes grow out of the image over the epochs",
        "backtime92/CRAFT-Reimplementation/issues/101",
        loader(CharacterBoxes, batch_size=1, shuffle=True),
        "inplace-edit-of-stored-data",
    ),
    Case(
        "Augmentation edits the stored images; new workers hide the edit",
        "facebookresearch/pycls/pull/21",
        loader(Cifar, **TWO),
        "inplace-edit-of-stored-data",
    ),
    Case(
        "The second access to an episode fails, because its keys are popped",
        "ManifoldRG/MultiNet/pull/381",
        loader(Episodes),
        "inplace-edit-of-stored-data",
        or_else="error-in-a-later-epoch",
        because="the dataset reads an episode again when another index comes between. No "
        "epoch asks for one index twice in a row, so every epoch is right.",
    ),
    Case(
        "A corrupt image is replaced by the next one",
        "lucidrains/DALLE-pytorch/pull/194",
        loader(TextAndImages, shuffle=True),
        "error-fallback-sample",
    ),
    Case(
        "A stream yields one array again and again",
        "Cognexa/cxflow/issues/218",
        loader(FillsOneArray, collate_fn=torch_from_list),
        "reused-buffer",
    ),
    Case(
        "A caching loader repeats each batch once more than asked",
        "nerfstudio-project/nerfstudio/issues/2492",
        lambda: CacheDataloader(Images(), images=8, times=3),
        "loader-repeats-batches",
    ),
    Case(
        "`random.shuffle` of a tensor repeats and loses indices",
        "pytorch/pytorch/issues/18934",
        loader(Images, sampler=ShufflesTensor()),
        "sampler-repeats-indices",
    ),
    Case(
        "A sampler seeds the global generator with a constant in each epoch",
        "lancedb/lancedb/issues/3705",
        lambda: DataLoader(Images(), batch_sampler=SeededBatches()),
        "reseed-every-epoch",
    ),
    Case(
        "Buckets are shuffled and cut into batches in the constructor",
        "huggingface/diffusers/pull/13712",
        lambda: DataLoader(Images(), batch_sampler=PregeneratedBuckets()),
        "order-fixed-at-construction",
    ),
    Case(
        "Dynamic buckets: a new order in each epoch, the same batches",
        "lhotse-speech/lhotse/pull/562",
        lambda: DataLoader(Images(), batch_sampler=DynamicBuckets()),
        "order-fixed-at-construction",
        because="samples of similar lengths form the same batches in many right loaders, "
        "which sort by length. A fixed batch alone does not show a failure.",
    ),
    Case(
        "A loader with pooled batches can be iterated once only",
        "pytorch/text/issues/1282",
        lambda: DataLoader(Images(), batch_sampler=pooled_batches()),
        "one-shot-sampler",
    ),
    Case(
        "`WeightedRandomSampler` gets two class weights, and draws two samples",
        "deep-voice/soundbay/pull/49",
        loader(Images, sampler=WeightedRandomSampler([0.9, 0.1], 40)),
        "class-weights-as-sample-weights",
    ),
    Case(
        "`DistributedSampler` has the same order in every epoch",
        "pytorch/pytorch/issues/31771",
        loader(Images, sampler=DistributedSampler(IMAGES, 2, 0)),
        "no-set-epoch",
        because="the training loop must call `set_epoch`, and `audit` does not see the "
        "loop. The report has a note. With `expect=Expect(fixed_order=False)` the note is an "
        "error, and `dejabatch lint` reads the loop.",
    ),
    Case(
        "Records come once from each worker",
        "vahidk/tfrecord/issues/78",
        loader(Records, num_workers=4),
        "stream-not-split-by-worker",
    ),
    Case(
        "A shuffled stream of ten numbers has forty with four workers",
        "pytorch/pytorch/issues/30599",
        loader(ShuffledNumbers, num_workers=4, batch_size=2),
        "stream-not-split-by-worker",
    ),
    Case(
        "The epoch is counted in workers, which end with each epoch",
        "aditya-grover/climate-learn/issues/89",
        loader(CountsItsEpochs, num_workers=2),
        "stream-with-fixed-shuffle",
    ),
    Case(
        "`set_epoch` never reaches persistent workers",
        "starVLA/starVLA/issues/470",
        loader(KnowsTheEpoch, persistent_workers=True, **TWO),
        "stale-worker-copy",
    ),
    Case(
        "An attribute that the loop sets never reaches persistent workers",
        "pytorch/pytorch/issues/97326",
        loader(HasAnEpoch, persistent_workers=True, **TWO),
        "stale-worker-copy",
        because="the loop sets an attribute, and `audit` does not run the loop.",
    ),
    Case(
        "Validation images are augmented, because both parts share a dataset",
        "udacity/deep-learning-v2-pytorch/issues/132",
        parts_of_one_augmented_set,
        "split-shares-transform",
    ),
    Case(
        "Validation samples come from the whole training set",
        "yannlabb/robopose/issues/3",
        validation_from_the_training_set,
        "samples-in-both-loaders",
    ),
    Case(
        "The training loader reads the set before its split",
        "ratschlab/aestetik/pull/12",
        training_on_the_whole_set,
        "samples-in-both-loaders",
    ),
    Case(
        "`itertools.cycle` repeats the augmentation of the first epoch",
        "microsoft/nni/issues/3428",
        lambda: itertools.cycle(DataLoader(NumpyJitter(), batch_size=4, shuffle=True)),
        "itertools-cycle",
    ),
    Case(
        "`next(iter(loader))` in a loop returns the first batch",
        "wandb/examples/issues/444",
        loader(Images),
        "next-iter-in-the-loop",
        because="the loader is right, and the loop is wrong. `dejabatch lint` reads the "
        "loop.",
    ),
    Case(
        "`worker_init_fn` seeds NumPy from the system",
        "sunset1995/HorizonNet/issues/4",
        loader(NumpyJitter, worker_init_fn=seed_from_the_system, **TWO),
    ),
    Case(
        "`np.random` in workers, which torch has seeded since 1.9",
        "facebookresearch/fairseq/issues/1383",
        loader(NumpyJitter, batch_size=4, num_workers=4),
    ),
    Case(
        "A seed for each sample, to augment an image and its depth alike",
        "xapharius/pytorch-nyuv2/issues/6",
        loader(ColourAndDepth, **TWO),
    ),
    Case(
        "An image has one row for each person in it",
        "nkolot/SPIN/issues/92",
        loader(PeopleInImages, shuffle=True),
    ),
    Case(
        "A mosaic takes images from a buffer, and repeats some",
        "ultralytics/ultralytics/issues/4751",
        loader(Mosaics, **TWO),
    ),
    Case(
        "A siamese dataset draws pairs and ignores the index",
        "harveyslash/Facial-Similarity-with-Siamese-Networks-in-Pytorch/issues/23",
        loader(RandomPairs, **TWO),
    ),
    Case(
        "Each sample draws a new list of names, to set the epoch's length",
        "VITA-Group/FasterSeg/issues/55",
        loader(RandomFileNames, **TWO),
    ),
    Case(
        "A cache keeps what comes before the first random transform",
        "Project-MONAI/MONAI/issues/1254",
        loader(CachesFirstTransforms, shuffle=True),
    ),
    Case(
        "Repeated augmentation over ranks",
        "facebookresearch/deit/issues/95",
        loader(NumpyJitter, sampler=RepeatedAugmentation(), num_workers=2),
    ),
    Case(
        "Batch augmentation: each index twice in a row",
        "open-mmlab/mmocr/pull/1757",
        loader(NumpyJitter, sampler=BatchAugmentation(), num_workers=2),
    ),
    Case(
        "A loader keeps its workers with an endless batch sampler",
        "huggingface/pytorch-image-models/pull/140",
        lambda: MultiEpochsDataLoader(NumpyJitter(), **TWO),
    ),
    Case(
        "`worker_init_fn` gives each worker its part of a stream",
        "facebookresearch/ClassyVision/issues/422",
        loader(Chunks, num_workers=2, worker_init_fn=take_part),
    ),
    Case(
        "An HDF5 file that `__init__` opens, which workers read by fork",
        "pytorch/pytorch/issues/11887",
        loader(Hdf5Images, **TWO),
    ),
    Case(
        "An HDF5 file is opened by the first sample of each worker",
        "Dana-Farber-AIOS/pathml/issues/131",
        loader(Hdf5ImagesOpenedLate, **TWO),
    ),
    Case(
        "The epoch is a `multiprocessing.Value`, and workers persist",
        "pytorch/pytorch/issues/97326",
        loader(SharesTheEpoch, persistent_workers=True, **TWO),
    ),
)
PAIRS = {
    parts_of_one_augmented_set,
    validation_from_the_training_set,
    training_on_the_whole_set,
}


HEAD = """```{list-table}
:header-rows: 1
:widths: 38 20 30 12

* - Symptom in the report
  - Report
  - The package says
  - Answer"""


def report_of(case: Case) -> dejabatch.Report:
    """Return what the package says about the loaders of a case."""
    hdf5_file()  # before the loaders are made in other processes
    if case.make in PAIRS:
        return dejabatch.compare(*case.make())
    return dejabatch.audit(case.make)


def link(slug: str) -> str:
    """Return a link to the page of a failure mode."""
    mode = dejabatch.FAILURE_MODES[slug]
    return f"{{doc}}`{slug} </gallery/{mode.page.removesuffix('.py')}>`"


def answer_of(case: Case, report: dejabatch.Report) -> tuple[str, str]:
    """Return what a report says about a case, and a word for the answer."""
    named = [f for f in report.findings if f.severity != "note"]
    noted = [
        f for f in report.findings if f.severity == "note" and f.slug == case.truth
    ]
    said = [f"{link(f.slug)} at `{f.where}`" for f in named]
    said += [f"a note: {link(f.slug)}" for f in noted]
    if case.truth is None:
        verdict = "false alarm" if named else "silent"
    else:
        right = {f.slug for f in named} & {case.truth, case.or_else}
        verdict = "named" if right else "missed"
    return "; ".join(said) or "nothing", verdict


def row_of(case: Case, report: dejabatch.Report) -> str:
    """Return the row of the table."""
    _, name, _, number, *_ = case.source.split("/")
    name += f"#{number}" if number.isdigit() else ""
    cells = (
        case.symptom,
        f"[{name}](https://github.com/{case.source})",
        *answer_of(case, report),
    )
    return "* - " + "\n  - ".join(cells)


def measured_at() -> str:
    """Return the date and the versions."""
    packages = ("torch", "numpy", "albumentations", "monai", "h5py")
    names = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{datetime.date.today()}, Python {platform.python_version()}, {names}"


def page() -> str:
    """Audit every case, and return the counts, the table and the wrong answers."""
    rows, wrong = [], []
    counts: Counter[str] = Counter()
    for case in CASES:
        report = report_of(case)
        _, verdict = answer_of(case, report)
        counts[verdict] += 1
        rows.append(row_of(case, report))
        if verdict in {"missed", "false alarm"}:
            wrong.append(f"{case.symptom}\n: {verdict.capitalize()}: {case.because}\n")
        print(rows[-1], flush=True)
    counted = (
        f"`audit` and `compare` name {counts['named']} of "
        f"{counts['named'] + counts['missed']} broken loaders, and report nothing in "
        f"{counts['silent']} of {counts['silent'] + counts['false alarm']} right loaders."
    )
    lines = [
        counted,
        "",
        HEAD,
        *rows,
        "```",
        "",
        f"Measured on {measured_at()}.",
        "",
        "## Wrong answers, and why",
        "",
        *wrong,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
