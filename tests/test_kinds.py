"""Loaders of the kinds that users have, each broken and cured by the words of its fix.

The cure is the sentence of the finding, applied to the loader. Right loaders that resemble
the broken ones stand beside them.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import random

import numpy as np
import pytest
import torch
from green_runs import slow_audit
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    get_worker_info,
    random_split,
)
from torch.utils.data.sampler import WeightedRandomSampler
from torchvision.transforms import v2

from dejabatch import Expect, audit, compare, forever, seed_worker

LENGTH = 48
LABELS = torch.arange(LENGTH) % 5
IMAGES = torch.rand(LENGTH, 3, 6, 6, generator=torch.Generator().manual_seed(0))


class Images(Dataset):
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return IMAGES[index]


class Noisy(Images):
    def __getitem__(self, index):
        return IMAGES[index] + random.random()


# Random numbers -----------------------------------------------------------------------


class Clouds(Dataset):
    """Samples of several sizes, which draw different amounts."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return torch.from_numpy(self.rng.normal(size=(5 + 7 * index % 11, 3)) + index)


class Tokens(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        tokens = torch.arange(4 + index % 5) + index
        for position in range(len(tokens)):
            if random.random() < 0.3:
                tokens[position] = -1
        return tokens


def seed_everything(worker_id):
    random.seed(42)
    np.random.seed(42)
    torch.manual_seed(42)


def seed_from_torch(worker_id):
    random.seed(torch.initial_seed() % 2**32)


class Late(Images):
    seed = 7
    rng = None

    def __getitem__(self, index):
        if self.rng is None:
            self.rng = np.random.default_rng(self.seed or torch.initial_seed())
        return IMAGES[index] * self.rng.random()


class LateByTorch(Late):
    seed = None


class LateByWorkerSeed(Late):
    def __getitem__(self, index):
        if self.rng is None:
            self.rng = np.random.default_rng(get_worker_info().seed)
        return super().__getitem__(index)


class SeedsOnce(Images):
    """Seed NumPy in the first sample of each worker."""

    seeded = False

    def __init__(self, seed):
        self.seed = seed

    def __getitem__(self, index):
        if not self.seeded:
            np.random.seed(self.seed(get_worker_info()))
            self.seeded = True
        return IMAGES[index] + np.random.random()


def worker_id(info):
    return info.id


def worker_seed(info):
    return info.seed % 2**32


class Masks:
    """Mask a batch with a generator that the first batch makes."""

    rng = None

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, images):
        if self.rng is None:
            self.rng = np.random.default_rng(self.seed(get_worker_info()))
        return torch.stack([image * self.rng.random() for image in images])


class ShuffledLines(IterableDataset):
    """Shuffle with a generator that each pass makes, or that lives on."""

    def __init__(self, rng=None):
        self.rng = rng

    def __iter__(self):
        order = list(range(LENGTH))
        rng = random.Random(3) if self.rng is None else self.rng
        rng.shuffle(order)
        return iter(order)


class SeededRows(IterableDataset):
    """Stand for stored rows by rows of a seeded generator."""

    def __iter__(self):
        rng = np.random.default_rng(0)
        for _ in range(LENGTH):
            yield rng.random(3)


class SeedsInConstructor(Images):
    def __init__(self):
        random.seed(0)
        self.order = random.sample(range(LENGTH), k=LENGTH)

    def __getitem__(self, index):
        return IMAGES[self.order[index]]


class OwnGeneratorInConstructor(SeedsInConstructor):
    def __init__(self):
        self.order = random.Random(0).sample(range(LENGTH), k=LENGTH)


class SameGeneratorAgain(Sampler):
    def make(self):
        return torch.Generator().manual_seed(7)

    def __iter__(self):
        yield from torch.randperm(LENGTH, generator=self.make()).tolist()

    def __len__(self):
        return LENGTH


class KeepsGenerator(SameGeneratorAgain):
    def __init__(self):
        self.generator = super().make()

    def make(self):
        return self.generator


class SeedingSampler(Sampler):
    def __iter__(self):
        random.seed(0)
        return iter(random.sample(range(LENGTH), k=LENGTH))

    def __len__(self):
        return LENGTH


class OwnGeneratorSampler(SeedingSampler):
    def __init__(self):
        self.rng = random.Random(0)

    def __iter__(self):
        return iter(self.rng.sample(range(LENGTH), k=LENGTH))


class SeededByIndex(Images):
    def __getitem__(self, index):
        rng = np.random.default_rng([3, index])
        return IMAGES[index] + rng.random()


class FirstQuarter(Images):
    """Take a random image of the first twelve for all others."""

    most = 12

    def __getitem__(self, index):
        if index >= self.most:
            index = random.randrange(self.most)
        return IMAGES[index]


class WholeFolder(FirstQuarter):
    most = LENGTH


class SeedsByIndex(Noisy):
    def __getitem__(self, index):
        random.seed(index)
        return super().__getitem__(index)


class SeedsStream(IterableDataset):
    def shuffled(self):
        random.seed(5)
        return random.sample(range(LENGTH), k=LENGTH)

    def __iter__(self):
        info = get_worker_info()
        for index in self.shuffled()[info.id :: info.num_workers]:
            yield IMAGES[index] * random.random()


class OwnGeneratorStream(SeedsStream):
    def shuffled(self):
        return random.Random(5).sample(range(LENGTH), k=LENGTH)


# Parts and stored data -----------------------------------------------------------------


class CachedLatents(Images):
    def __init__(self):
        self.cache = {}

    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = IMAGES[index] * torch.rand(())
        return {"latent": self.cache[index], "caption": torch.randn(4)}


class CachedImages(CachedLatents):
    def __getitem__(self, index):
        image = self.cache.setdefault(index, IMAGES[index].clone())
        return {"latent": image * torch.rand(()), "caption": torch.randn(4)}


class ScalesBoxes(Dataset):
    def __init__(self):
        self.records = [{"boxes": [[1.0 + i, 2.0, 3.0, 4.0]]} for i in range(200)]

    def __len__(self):
        return len(self.records)

    def record(self, index):
        return self.records[index]

    def __getitem__(self, index):
        record, scale = self.record(index), random.uniform(1.1, 2.0)
        for box in record["boxes"]:
            for position in range(4):
                box[position] *= scale
        return torch.tensor(record["boxes"])


class ScalesCopies(ScalesBoxes):
    def record(self, index):
        return copy.deepcopy(self.records[index])


class PopsLabel(Dataset):
    def __init__(self):
        self.rows = [{"x": torch.arange(4) + i, "label": i % 2} for i in range(24)]

    def __len__(self):
        return len(self.rows)

    def row(self, index):
        return self.rows[index]

    def __getitem__(self, index):
        row = self.row(index)
        return row.pop("label"), row["x"]


class PopsLabelOfCopy(PopsLabel):
    def row(self, index):
        return copy.deepcopy(self.rows[index])


def jittered_copies(copied):
    """Return three jittered copies of each of twelve items, or one item three times."""
    items = []
    for number in range(12):
        item = torch.full((20,), float(number)) + torch.arange(20)
        for _ in range(3):
            items.append(item.clone() if copied else item)
            item += torch.rand(20)
    return items


class DropsResult(Images):
    def __init__(self):
        self.transform = v2.Compose([v2.RandomRotation(40), v2.RandomCrop(5)])

    def __getitem__(self, index):
        image = IMAGES[index]
        self.transform(image)
        return image


class UsesResult(DropsResult):
    def __getitem__(self, index):
        return self.transform(IMAGES[index])


class Buckets(Sampler):
    """Batches of equal lengths, which are cut once."""

    def __init__(self, shuffle):
        short, long = [list(range(start, LENGTH, 2)) for start in range(2)]
        shuffle(short)
        self.batches = [
            indices[start : start + 4]
            for indices in (short, long)
            for start in range(0, len(indices), 4)
        ]

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(random.sample(self.batches, len(self)))


class CountsBatches(Dataset):
    """Says how many batches of six it has."""

    def __init__(self):
        self.files = list(IMAGES)

    def __len__(self):
        return len(self.files) // 6

    def __getitem__(self, index):
        return self.files[index]


class Windows(CountsBatches):
    """Windows of a series, of which the last ends with the series."""

    def __len__(self):
        return len(self.files) - 3

    def __getitem__(self, index):
        return torch.stack(self.files[index : index + 4])


class Transformed(Images):
    transform = None

    def __getitem__(self, index):
        image = IMAGES[index]
        return image if self.transform is None else self.transform(image)


def subset_with(where):
    """Set a transform on a subset, or on its dataset, and targets as programs do."""
    subset = Subset(Transformed(), range(30))
    subset.targets = list(range(30))
    (subset if where == "subset" else subset.dataset).transform = v2.RandomCrop(4)
    return subset


# Fallbacks -----------------------------------------------------------------------------


class TakesAnother(Images):
    """A broken file is replaced by another, which a helper reads."""

    def read(self, index):
        if index % 6 == 1:
            raise OSError(index)
        return IMAGES[index]

    def __getitem__(self, index):
        while True:
            try:
                return self.read(index)
            except OSError:
                index = random.randrange(LENGTH)


class Blank(TakesAnother):
    def __getitem__(self, index):
        try:
            return self.read(index)
        except OSError:
            return torch.zeros(3, 6, 6)


class TriesAgain(TakesAnother):
    """A crop without an object is tried again, for the same index."""

    def read(self, index):
        if random.random() < 0.7:
            raise ValueError(index)
        return IMAGES[index]

    def __getitem__(self, index):
        try:
            return self.read(index)
        except ValueError:
            return self[index]


# Batches -------------------------------------------------------------------------------


class OneDraw(Images):
    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        return list(IMAGES[indices] * self.draw(len(indices)))

    def draw(self, number):
        return torch.rand(())


class ManyDraws(OneDraw):
    def draw(self, number):
        return torch.rand(number, 1, 1, 1)


class Listed(Images):
    def __getitem__(self, indices):
        return IMAGES[indices] * torch.rand(())


class ListedApart(Images):
    def __getitem__(self, indices):
        return IMAGES[indices] * torch.rand(len(indices), 1, 1, 1)


class Keeps(DataLoader):
    """Delivers each batch three times."""

    def __iter__(self):
        for batch in super().__iter__():
            yield from [batch] * 3


class Seeds(DataLoader):
    def __iter__(self):
        torch.manual_seed(0)
        yield from super().__iter__()


class Yields(DataLoader):
    def __iter__(self):
        yield from super().__iter__()


class Prefetches:
    """Delivers each batch while the next one is made."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        last = None
        for batch in self.loader:
            if last is not None:
                yield last
            last = batch
        yield last


# Orders --------------------------------------------------------------------------------


class LosesIndices(Sampler):
    """Views of one array are swapped, which duplicates some values and loses others."""

    def __iter__(self):
        order = torch.arange(LENGTH)
        random.shuffle(order)
        return iter(order.tolist())

    def __len__(self):
        return LENGTH


class Permutes(LosesIndices):
    def __iter__(self):
        yield from torch.randperm(LENGTH).tolist()


class Grows(LosesIndices):
    def __init__(self):
        self.indices = list(range(LENGTH))

    def padded(self):
        return self.indices

    def __iter__(self):
        indices = self.padded()
        indices += indices[:2]
        return iter(indices)


class GrowsACopy(Grows):
    def padded(self):
        return list(self.indices)


class RepeatsAugmentation(LosesIndices):
    def __iter__(self):
        order = torch.randperm(LENGTH).tolist()
        return iter([index for index in order for _ in range(3)][:LENGTH])


class EditsStream(IterableDataset):
    def __init__(self):
        self.rows = [np.full(4, float(i)) for i in range(LENGTH)]

    def __iter__(self):
        for row in self.rows:
            np.add(row, 0.5, out=row)
            yield torch.from_numpy(row).clone()


class EditsCopies(EditsStream):
    """Counts its passes, and shuffles what it has stored by this number."""

    def __init__(self):
        super().__init__()
        self.epoch = 0
        self.order = np.arange(LENGTH)

    def __iter__(self):
        self.epoch += 1
        rng = np.random.default_rng(self.epoch)
        rng.shuffle(self.rows)
        rng.shuffle(self.order)
        for index in self.order:
            yield torch.from_numpy(self.rows[index] + rng.random())


class SplitsItself(IterableDataset):
    def __init__(self):
        self.rows = torch.arange(4.0 * LENGTH).reshape(-1, 4)

    def __iter__(self):
        info = get_worker_info()
        yield from self.rows[info.id :: info.num_workers] if info else self.rows


def keep_part(worker_id):
    info = get_worker_info()
    info.dataset.rows = info.dataset.rows[worker_id :: info.num_workers]


class Limited(Dataset):
    limit = 0

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return torch.arange(8)[: 1 + self.limit % 4] + index


class SetsLimit(DataLoader):
    epoch = 0

    def __iter__(self):
        self.dataset.limit = self.epoch
        self.epoch += 1
        return super().__iter__()


class Epochs:
    """A wrapper that changes an attribute of the dataset in each epoch."""

    def __init__(self, attribute, **arguments):
        self.attribute = attribute
        self.dataset = Limited()
        self.loader = load(self.dataset, persistent_workers=True, **arguments)
        self.epoch = 0

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for number, batch in enumerate(self.loader):
            if number == 2:
                self.epoch += 1
                setattr(self.dataset, self.attribute, self.epoch)
            yield batch


def images_and_first_label(samples):
    images, labels = zip(*samples, strict=True)
    return torch.stack(images), torch.tensor(labels[:1] * len(labels))


def seed_and_mix(samples):
    torch.manual_seed(0)
    return torch.stack(samples) * torch.rand(len(samples), 1, 1, 1)


def mix(samples):
    return torch.stack(samples) * torch.rand(len(samples), 1, 1, 1)


class BatchesOfShards(IterableDataset):
    """Mixes without any generator, and makes its batches itself."""

    def __init__(self, *, split_first):
        self.split_first = split_first

    def __iter__(self):
        info = get_worker_info()
        worker, step = (0, 1) if info is None else (info.id, info.num_workers)

        def mixed(numbers):
            return sorted(
                numbers, key=lambda n: hashlib.md5(bytes([worker, n])).digest()
            )

        shards = range(0, LENGTH, 6)
        if self.split_first:
            shards = mixed(shards[worker::step])
        else:
            shards = mixed(shards)[worker::step]
        indices = mixed(shard + i for shard in shards for i in range(6))
        for batch in torch.tensor(indices).split(5):
            yield {"image": IMAGES[batch], "label": batch}


class CountsEpochs(IterableDataset):
    epoch = 0

    def __iter__(self):
        self.epoch += 1
        order = np.random.default_rng(self.epoch).permutation(LENGTH)
        info = get_worker_info()
        yield from (IMAGES[i] for i in order[info.id :: info.num_workers])


class SetEpochWithoutEffect(IterableDataset):
    def __init__(self, inner):
        self.inner = inner
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        yield from np.random.default_rng(0).permutation(LENGTH)


class ReusesABatch:
    def __init__(self):
        self.batch = torch.zeros(4, 3, 6, 6)

    def __call__(self, samples):
        for row, sample in zip(self.batch, samples, strict=False):
            row.copy_(sample)
        return self.batch[: len(samples)]


class SeededWithoutEpoch(Images):
    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        rng = np.random.default_rng([7, index])
        return IMAGES[index] * rng.random()


class SeededWithEpoch(SeededWithoutEpoch):
    def __getitem__(self, index):
        rng = np.random.default_rng([7, self.epoch, index])
        return IMAGES[index] * rng.random()


class Skips(Images):
    """Take a random image in place of some that cannot be used."""

    def __getitem__(self, index):
        while index % 9 == 0:
            index = random.randrange(LENGTH)
        return IMAGES[index]


class KeepsMixed(Images):
    """Keep an image with noise, and draw its gain each time."""

    def __init__(self):
        self.mixed = {}

    def __getitem__(self, index):
        if index not in self.mixed:
            self.mixed[index] = IMAGES[index] + 0.1 * torch.randn(3, 6, 6)
        return self.mixed[index] * random.random()


class KeepsImages(KeepsMixed):
    def __getitem__(self, index):
        if index not in self.mixed:
            self.mixed[index] = 2 * IMAGES[index]
        return (self.mixed[index] + 0.1 * torch.randn(3, 6, 6)) * random.random()


class KeepsAndShuffles(DataLoader):
    """Keep the batches of the first epoch, and shuffle the list of them."""

    kept = None

    def __iter__(self):
        if self.kept is None:
            object.__setattr__(self, "kept", list(super().__iter__()))
        return iter(random.sample(self.kept, len(self.kept)))


class Crops(Images):
    """Return three crops of each image."""

    def __init__(self, *, late):
        self.late = late

    def __getitem__(self, index):
        crops = []
        for left in random.sample(range(4), 3):
            crops.append(lambda image: image[:, :, left : left + 3])  # noqa: B023 - the failure
            if not self.late:
                crops[-1] = crops[-1](IMAGES[index])
        if self.late:
            crops = [crop(IMAGES[index]) for crop in crops]
        return {"crops": crops}


class EndlessRounds(IterableDataset):
    """Shuffle the images in each of endless rounds."""

    def __init__(self, *, alike):
        self.alike = alike

    def __iter__(self):
        rng = random.Random(3)
        while True:
            if self.alike:
                rng = random.Random(3)
            order = list(range(LENGTH))
            rng.shuffle(order)
            for index in order:
                yield IMAGES[index]


class FullBatches(Sampler):
    """Yield full batches of each label, and count the samples in the length."""

    def __init__(self, *, counts_batches):
        self.counts_batches = counts_batches
        self.groups = [np.arange(label, LENGTH, 5) for label in range(5)]

    def __iter__(self):
        for group in self.groups:
            shuffled = np.random.permutation(group)
            yield from shuffled[: len(group) // 3 * 3].reshape(-1, 3).tolist()

    def __len__(self):
        batches = sum(len(group) // 3 for group in self.groups)
        return batches if self.counts_batches else LENGTH


class Augments(Images):
    def __init__(self, transform):
        self.transform = transform

    def __getitem__(self, index):
        return self.transform(IMAGES[index])


def jitter(image):
    return image * random.random()


def scale(image):
    return 2 * image


def one_dataset_for_both_halves():
    train, val = random_split(Augments(jitter), [40, 8])
    val.dataset.transform = scale
    return load(train, shuffle=True)


def two_datasets():
    order = torch.randperm(LENGTH).tolist()
    return load(Subset(Augments(jitter), order[:40]), shuffle=True)


def load(dataset, **arguments):
    return DataLoader(dataset, **{"batch_size": 4} | arguments)


TWO = {"num_workers": 2, "shuffle": True}
DIFFERENT = Expect(deterministic=False)
LISTS = {
    "batch_size": None,
    "sampler": BatchSampler(RandomSampler(range(48)), 6, False),
}

# The broken loader, its cure, the slug and the place.
KINDS = {
    "samples of several sizes": (
        load(Clouds(), collate_fn=list, **TWO),
        load(Clouds(), collate_fn=list, worker_init_fn=seed_worker, **TWO),
        ("rng-object-on-dataset", "dataset.rng"),
    ),
    "one seed, samples of several sizes": (
        load(Tokens(), collate_fn=list, worker_init_fn=seed_everything, **TWO),
        load(Tokens(), collate_fn=list, worker_init_fn=seed_from_torch, **TWO),
        ("constant-worker-seed", "worker_init_fn"),
    ),
    "a generator that the first sample makes": (
        load(Late(), **TWO),
        load(LateByTorch(), **TWO),
        ("rng-object-on-dataset", "dataset.rng"),
    ),
    "a first sample that seeds its worker": (
        load(SeedsOnce(worker_id), **TWO),
        load(SeedsOnce(worker_seed), **TWO),
        ("reseed-in-getitem", "dataset.__getitem__"),
    ),
    "a generator that the first batch makes": (
        load(Images(), collate_fn=Masks(worker_id), **TWO),
        load(Images(), collate_fn=Masks(worker_seed), **TWO),
        ("rng-in-collate", "collate_fn.rng"),
    ),
    "a stream that shuffles alike in each pass": (
        load(ShuffledLines()),
        load(ShuffledLines(random.Random(3))),
        ("stream-with-fixed-shuffle", "dataset.__iter__"),
    ),
    "few of the files": (
        load(FirstQuarter(), shuffle=True),
        load(WholeFolder(), shuffle=True),
        ("indices-share-a-sample", "dataset.__getitem__"),
    ),
    "a constructor that seeds": (
        lambda: load(SeedsInConstructor()),
        lambda: load(OwnGeneratorInConstructor()),
        ("seed-in-constructor", "dataset.__init__"),
    ),
    "a sampler that seeds": (
        load(Noisy(), sampler=SeedingSampler()),
        load(Noisy(), sampler=OwnGeneratorSampler()),
        ("reseed-every-epoch", "sampler"),
    ),
    "a sampler that makes its generator": (
        load(Noisy(), sampler=SameGeneratorAgain()),
        load(Noisy(), sampler=KeepsGenerator()),
        ("reseed-every-epoch", "sampler"),
    ),
    "a stream that seeds": (
        load(SeedsStream(), num_workers=2),
        load(OwnGeneratorStream(), num_workers=2),
        ("reseed-in-getitem", "dataset.__iter__"),
    ),
    "batches of shards that are shuffled differently before the split": (
        load(BatchesOfShards(split_first=False), batch_size=None, num_workers=2),
        load(BatchesOfShards(split_first=True), batch_size=None, num_workers=2),
        ("stream-not-split-by-worker", "dataset.__iter__"),
    ),
    "a cached part": (
        load(CachedLatents(), shuffle=True),
        load(CachedImages(), shuffle=True),
        ("cached-augmentation", "dataset.cache"),
    ),
    "a key that is popped": (
        load(PopsLabel()),
        load(PopsLabelOfCopy()),
        ("inplace-edit-of-stored-data", "dataset.rows[0]"),
    ),
    "a transform of a subset": (
        load(subset_with("subset"), shuffle=True),
        load(subset_with("dataset"), shuffle=True),
        ("split-shares-transform", "dataset.transform"),
    ),
    "a result that is dropped": (
        load(DropsResult(), **TWO),
        load(UsesResult(), **TWO),
        ("transform-that-does-nothing", "dataset.transform.transforms[0]"),
    ),
    "batches that are cut once": (
        lambda: DataLoader(Images(), batch_sampler=Buckets(random.shuffle)),
        lambda: DataLoader(Images(), batch_sampler=Buckets(list.sort)),
        ("order-fixed-at-construction", "batch_sampler"),
    ),
    "a seed of the index": (
        load(SeedsByIndex(), shuffle=True),
        load(Noisy(), shuffle=True),
        ("reseed-in-getitem", "dataset.__getitem__"),
    ),
    "references to one object": (
        load(jittered_copies(copied=False), shuffle=True),
        load(jittered_copies(copied=True), shuffle=True),
        ("indices-share-a-sample", "dataset"),
    ),
    "another file": (
        load(TakesAnother(), **TWO),
        load(Noisy(), **TWO),
        ("error-fallback-sample", "dataset.__getitem__"),
    ),
    "a blank file": (
        load(Blank(), shuffle=True),
        load(TriesAgain(), shuffle=True),
        ("error-fallback-sample", "dataset.__getitem__"),
    ),
    "one draw in __getitems__": (
        load(OneDraw(), **TWO),
        load(ManyDraws(), **TWO),
        ("one-draw-for-the-whole-batch", "dataset.__getitems__"),
    ),
    "one draw for a list of indices": (
        load(Listed(), **LISTS),
        load(ListedApart(), **LISTS),
        ("one-draw-for-the-whole-batch", "dataset.__getitem__"),
    ),
    "a loader that keeps batches": (
        Keeps(Noisy(), batch_size=4, shuffle=True),
        Yields(Noisy(), batch_size=4, shuffle=True),
        ("loader-repeats-batches", "loader.__iter__"),
    ),
    "a loader that seeds": (
        Seeds(Noisy(), batch_size=4, shuffle=True),
        Prefetches(load(Noisy(), shuffle=True)),
        ("loader-repeats-batches", "loader.__iter__"),
    ),
    "lost indices": (
        load(Images(), sampler=LosesIndices()),
        load(Images(), sampler=Permutes()),
        ("sampler-repeats-indices", "sampler"),
    ),
    "epochs that grow": (
        load(Images(), sampler=Grows()),
        load(Images(), sampler=GrowsACopy()),
        ("sampler-repeats-indices", "sampler"),
    ),
    "rows of a stream": (
        load(EditsStream()),
        load(EditsCopies()),
        ("inplace-edit-of-stored-data", "dataset.rows[0]"),
    ),
    "a stream that is split twice": (
        load(SplitsItself(), worker_init_fn=keep_part, num_workers=2),
        load(SplitsItself(), num_workers=2),
        ("data-split-twice", "dataset.__iter__"),
    ),
    "an attribute that a wrapper sets": (
        Epochs("limit", **TWO),
        Epochs("epochs_seen", **TWO),  # of which no sample is made
        ("stale-worker-copy", "dataset.limit"),
    ),
    "a label for the whole batch": (
        load(TensorDataset(IMAGES, LABELS), collate_fn=images_and_first_label, **TWO),
        load(TensorDataset(IMAGES, LABELS), **TWO),
        ("collate-repeats-one-sample", "collate_fn"),
    ),
    "a collate_fn that seeds": (
        load(Images(), collate_fn=seed_and_mix, **TWO),
        load(Images(), collate_fn=mix, **TWO),
        ("reseed-in-getitem", "collate_fn"),
    ),
    "an attribute that the loader sets": (
        SetsLimit(Limited(), persistent_workers=True, **TWO),
        SetsLimit(Limited(), **TWO),
        ("stale-worker-copy", "dataset.limit"),
    ),
    "a buffer of collate_fn": (
        load(Images(), collate_fn=ReusesABatch(), **TWO),
        load(Images(), collate_fn=torch.stack, **TWO),
        ("reused-buffer", "collate_fn"),
    ),
    "an epoch that no seed has": (
        load(SeededWithoutEpoch()),
        load(SeededWithEpoch()),
        ("augmented-once", "dataset.__getitem__"),
    ),
    "a sample that a random one replaces": (
        load(Skips(), shuffle=True),
        load(Subset(Images(), [i for i in range(LENGTH) if i % 9]), shuffle=True),
        ("error-fallback-sample", "dataset.__getitem__"),
    ),
    "a part that a cache keeps": (
        load(KeepsMixed(), shuffle=True),
        load(KeepsImages(), shuffle=True),
        ("cached-augmentation", "dataset.mixed"),
    ),
    "a loader that keeps batches and shuffles them": (
        KeepsAndShuffles(Noisy(), batch_size=4, shuffle=True),
        DataLoader(Noisy(), batch_size=4, shuffle=True),
        ("loader-repeats-batches", "loader.__iter__"),
    ),
    "three crops of a late lambda": (
        load(Crops(late=True), **TWO),
        load(Crops(late=False), **TWO),
        ("one-draw-for-the-whole-batch", "dataset.__getitem__"),
    ),
    "endless rounds alike": (
        load(EndlessRounds(alike=True)),
        load(EndlessRounds(alike=False)),
        ("stream-with-fixed-shuffle", "dataset.__iter__"),
    ),
    "a length of samples": (
        DataLoader(Images(), batch_sampler=FullBatches(counts_batches=False)),
        DataLoader(Images(), batch_sampler=FullBatches(counts_batches=True)),
        ("wrong-length", "batch_sampler"),
    ),
    "a transform that is set for both halves": (
        one_dataset_for_both_halves,
        two_datasets,
        ("split-shares-transform", "dataset.dataset.transform"),
    ),
    "epochs that workers count": (
        load(CountsEpochs(), num_workers=2),
        load(CountsEpochs(), num_workers=2, persistent_workers=True),
        ("stream-with-fixed-shuffle", "dataset.__iter__"),
    ),
}
QUICK = {
    "references to one object",
    "lost indices",
    "a key that is popped",
    "a collate_fn that seeds",
    "a first sample that seeds its worker",
    "a generator that the first batch makes",
    "a stream that shuffles alike in each pass",
}


def kinds(names):
    return pytest.mark.parametrize(
        ("broken", "cured", "expected"), [KINDS[n] for n in names], ids=list(names)
    )


def assert_named_and_cured(broken, cured, expected):
    named = {(f.slug, f.where) for f in audit(broken).findings if f.severity != "note"}
    # An edit may also end the second epoch with an exception.
    assert named - {("error-in-a-later-epoch", "dataset")} == {expected}
    assert audit(cured).ok


@kinds(sorted(QUICK))
def test_failure_is_named_and_its_fix_cures_the_loader(broken, cured, expected):
    assert_named_and_cured(broken, cured, expected)


@slow_audit
@kinds(sorted(KINDS.keys() - QUICK))
def test_other_failures_are_named_and_cured(broken, cured, expected):
    assert_named_and_cured(broken, cured, expected)


class Prepares(DataLoader):
    """Draw negatives before each epoch, which the dataset lacks until then."""

    def __iter__(self):
        self.dataset.negatives = torch.randint(LENGTH, (LENGTH,))
        return super().__iter__()


class Pairs(Images):
    def __getitem__(self, index):
        return IMAGES[index] - IMAGES[self.negatives[index]]


@slow_audit
def test_loader_that_prepares_its_dataset_is_read():
    (finding,) = audit(Prepares(Pairs(), persistent_workers=True, **TWO)).findings
    assert (finding.slug, finding.where) == ("stale-worker-copy", "dataset.negatives")
    assert audit(Prepares(Pairs(), **TWO)).ok


class Negatives:
    """A wrapper that draws negatives before each epoch."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        self.loader.dataset.negatives = np.random.permutation(LENGTH)
        return iter(self.loader)


def test_wrapper_that_prepares_the_dataset_is_read():
    assert audit(lambda: Negatives(load(Pairs(), shuffle=True))).findings == ()


class Halves:
    """Join the batches of two loaders."""

    def __init__(self, one, other):
        self.labelled = one
        self.unlabelled = other

    def __iter__(self):
        return zip(self.labelled, iter(self.unlabelled), strict=False)


@slow_audit
def test_cycle_in_a_wrapper_is_named():
    def halves(repeat):
        return Halves(
            load(Images(), shuffle=True), repeat(load(Images(), shuffle=True))
        )

    (finding,) = audit(lambda: halves(itertools.cycle)).findings
    assert (finding.slug, finding.where) == ("itertools-cycle", "loader.unlabelled")
    both = Halves(load(Images()), itertools.cycle(load(Images(), shuffle=True)))
    both.validation = load(Images())
    (finding,) = audit(both).findings
    assert (finding.slug, finding.where) == ("itertools-cycle", "loader.unlabelled")
    in_order = Halves(load(Images(), shuffle=True), itertools.cycle(load(Images())))
    assert audit(in_order).ok
    assert audit(lambda: halves(forever)).findings == ()


class Tasks(Sampler):
    """Choose classes, and some samples of each, for each task."""

    def __init__(self, number):
        self.number = number
        self.of_class = np.arange(LENGTH).reshape(8, 6)

    def __iter__(self):
        for _ in range(self.number):
            classes = random.sample(range(8), k=3)
            yield [i for c in classes for i in random.sample([*self.of_class[c]], k=4)]


class Pasted(Images):
    """Paste the next object of a permutation, as a database of objects does."""

    def __init__(self):
        self.groups = {
            name: {"next": LENGTH, "order": np.arange(LENGTH)}
            for name in ("car", "bike")
        }

    def __getitem__(self, index):
        image = IMAGES[index].clone()
        for group in self.groups.values():
            if group["next"] == LENGTH:
                group.update(next=0, order=np.random.permutation(LENGTH))
            image += IMAGES[group["order"][group["next"]]]
            group["next"] += 1
        return image


@slow_audit
@pytest.mark.parametrize(
    "loader",
    [
        load(LateByWorkerSeed(), persistent_workers=True, **TWO),
        load(SeedsOnce(worker_id), num_workers=1, persistent_workers=True),
        DataLoader(Images(), batch_sampler=Tasks(20)),
        load(Pasted(), **TWO),
        load(SeededRows()),
    ],
    ids=["worker's seed", "single worker", "tasks", "cursors", "seeded rows"],
)
def test_right_loader_that_resembles_a_broken_one_is_met_with_silence(loader):
    assert audit(loader).findings == ()


@slow_audit
def test_numbers_of_lists_are_edited_behind_many_records():
    (finding,) = audit(load(ScalesBoxes(), shuffle=True)).findings
    assert finding.slug == "inplace-edit-of-stored-data"
    assert finding.where.endswith("['boxes'][0]")
    assert "copy.deepcopy" in finding.fix
    assert audit(load(ScalesCopies(), shuffle=True)).ok


@slow_audit
def test_seed_of_an_index_is_named_where_it_is_made():
    loader = load(SeededByIndex(), shuffle=True)
    for one in (loader, lambda: loader):
        (finding,) = audit(one, expect=DIFFERENT).findings
        assert (finding.slug, finding.where) == (
            "augmented-once",
            "dataset.__getitem__",
        )
    assert audit(loader).ok  # without an expectation


@slow_audit
def test_items_beyond_the_length_are_noted():
    (finding,) = audit(load(CountsBatches(), shuffle=True)).findings
    assert (finding.slug, finding.severity) == ("wrong-length", "note")
    assert audit(load(Windows(), shuffle=True)).findings == ()


@slow_audit
def test_set_epoch_without_an_effect_is_named():
    (finding,) = audit(load(SetEpochWithoutEffect(range(LENGTH)))).findings
    assert finding.slug == "stream-with-fixed-shuffle"
    assert finding.where == "dataset.set_epoch"


@slow_audit
@pytest.mark.parametrize(
    "loader",
    [
        load(ConcatDataset([Noisy()] * 3), shuffle=True),
        load(Images(), sampler=RepeatsAugmentation()),
        load(Images(), sampler=WeightedRandomSampler([1.0] * LENGTH, LENGTH)),
        load(Images(), sampler=SubsetRandomSampler(range(20))),
        load(Tokens(), collate_fn=list, **TWO),
    ],
    ids=["repeated", "repeated augmentation", "weighted", "part", "tokens"],
)
def test_right_loaders_of_the_same_kinds(loader):
    assert audit(loader).ok


@pytest.mark.parametrize(
    ("first_of_validation", "slugs"), [(30, []), (28, ["samples-in-both-loaders"])]
)
def test_loaders_are_compared_by_what_they_draw(first_of_validation, slugs):
    dataset = Images()
    train = load(dataset, sampler=SubsetRandomSampler(range(30)))
    validation = load(dataset, sampler=list(range(first_of_validation, LENGTH)))
    report = compare(train, validation)
    assert [finding.slug for finding in report.findings] == slugs


class Rows(Dataset):
    """Rows of a table, each with its number in this loader."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"row": torch.tensor(self.rows[index]), "id": str(index)}


@slow_audit
@pytest.mark.parametrize(
    ("first_of_validation", "slugs"), [(30, []), (20, ["samples-in-both-loaders"])]
)
def test_rows_are_compared_without_their_numbers(first_of_validation, slugs):
    rows = torch.rand(40, 5, generator=torch.Generator().manual_seed(1)).tolist()
    train, validation = Rows(rows[:30]), Rows(rows[first_of_validation:])
    report = compare(load(train, shuffle=True), load(validation))
    assert [finding.slug for finding in report.findings] == slugs
