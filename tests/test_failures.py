"""Every failure mode that `audit` detects, broken and mended, on real loaders.

The loaders of the gallery's pages are tested with their pages.
"""

import contextlib
import functools
import importlib
import itertools
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from green_runs import slow_audit
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
)
from torchvision.transforms import v2

from dejabatch import Expect, audit

LENGTH = 24


class Rows(Dataset):
    """Different samples."""

    def __init__(self):
        self.data = torch.arange(float(LENGTH)).reshape(-1, 1).repeat(1, 5)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return self.data[index]


class Cursor(Rows):
    position = 0

    def __getitem__(self, index):
        self.position += 1
        return self.data[self.position % LENGTH]


class CursorOnAnIterator(Rows):
    def __init__(self):
        super().__init__()
        self.rows = list(range(LENGTH)) * 100

    def __getitem__(self, index):
        return self.data[self.rows.pop()]


class InPlace(Rows):
    def __getitem__(self, index):
        return self.data[index].add_(1)


class InPlaceOnAll(Rows):
    def __getitem__(self, index):
        self.data += 1
        return self.data[index]


class Buffer(Rows):
    def __init__(self):
        super().__init__()
        self.buffer = torch.zeros(5)

    def __getitem__(self, index):
        return self.buffer.copy_(self.data[index])


class SameDict(Rows):
    def __init__(self):
        super().__init__()
        self.sample = {}

    def __getitem__(self, index):
        self.sample["x"] = self.data[index].clone()
        return self.sample


class Noisy(Rows):
    def __getitem__(self, index):
        return self.data[index] + torch.rand(())


class NoisyNumpy(Rows):
    def __getitem__(self, index):
        return self.data[index] + np.random.random()


class CachedNoise(Noisy):
    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = super().__getitem__(index)
        return self.cache[index]


class CachedRawData(Rows):
    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = self.data[index].clone()
        return self.cache[index] + torch.rand(())


class LeastRecentlyUsed(Rows):
    @functools.cache  # noqa: B019 - the failure
    def load(self, index):
        return self.data[index] + random.random()

    def __getitem__(self, index):
        return self.load(index)


class ReseedsTorch(Noisy):
    def __getitem__(self, index):
        torch.manual_seed(0)
        return super().__getitem__(index)


class SeedsByIndex(Noisy):
    def __getitem__(self, index):
        torch.manual_seed(index)
        return super().__getitem__(index)


class NewGeneratorEachTime(Rows):
    def __getitem__(self, index):
        self.rng = np.random.default_rng(0)
        return self.data[index] + self.rng.random()


class AugmentedOnce(Rows):
    def __init__(self):
        super().__init__()
        self.data = self.data + torch.rand(LENGTH, 5)


class EntropyOfTheSystem(Rows):
    def __getitem__(self, index):
        return self.data[index] + np.random.default_rng().random()


class Clock(Rows):
    def __getitem__(self, index):
        return self.data[index], time.time_ns()


class OpenCV(Rows):
    def __getitem__(self, index):
        import cv2  # noqa: PLC0415 - a worker's own

        noise = np.empty(5, np.float32)
        cv2.randn(noise, 0, 1)
        return self.data[index] + torch.from_numpy(noise)


class OnlyOpenCV(OpenCV):
    """Which sample is asked for has no effect on it."""

    def __getitem__(self, index):
        return super().__getitem__(0)


class Wrapper(Dataset):
    """Doubles the samples that it wraps, but not those of a whole batch."""

    def __init__(self):
        self.inner = TensorDatasetWithBatches()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return self.inner[index] * 2 + 1

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)


class TensorDatasetWithBatches(Rows):
    def __getitems__(self, indices):
        return list(self.data[indices])


class Modulo(Rows):
    def __len__(self):
        return 3 * LENGTH

    def __getitem__(self, index):
        return self.data[index % LENGTH]


class NoisyModulo(Modulo):
    def __getitem__(self, index):
        return super().__getitem__(index) + torch.rand(5)


class ShortIndexTable(Rows):
    """The numbers of 600 samples, in 8 bits each."""

    def __init__(self):
        self.rows = torch.arange(600.0).reshape(-1, 1).repeat(1, 3)
        self.table = torch.arange(600).to(torch.uint8)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        return self.rows[self.table[index].long()]


class Fallback(Rows):
    def read(self, index):
        if index % 5 == 3:
            raise OSError(index)
        return self.data[index]

    def __getitem__(self, index):
        try:
            return self.read(index)
        except OSError:
            return self[0]


class NoisyFallback(Fallback):
    """Not two samples are alike, so that only the code shows it."""

    def read(self, index):
        return super().read(index) + torch.rand(5)


class Images(Rows):
    def __init__(self, *transforms):
        self.data = torch.rand(LENGTH, 3, 8, 8)
        self.transform = v2.Compose([v2.Identity(), *transforms])

    def __getitem__(self, index):
        return self.transform(self.data[index])


class BlankImages(Images):
    def __init__(self, *transforms):
        super().__init__(*transforms)
        self.data = torch.arange(24.0).reshape(-1, 1, 1, 1).repeat(1, 3, 8, 8)


class TriesFirst(Rows):
    """An exception that belongs to the way of reading, and hides nothing."""

    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, index):
        try:
            return self.cache[index]
        except KeyError:
            self.cache[index] = self.data[index].clone()
            return self.cache[index]


class Neighbours(Rows):
    """Sorted, and many alike."""

    def __getitem__(self, index):
        return self.data[index // 4]


def augment_batch(images):
    return v2.RandomCrop(6)(v2.RandomHorizontalFlip()(torch.stack(images)))


def augment_each(images):
    return torch.stack([v2.RandomCrop(6)(image) for image in images])


def one_size_for_each_batch(images):
    size = int(torch.randint(4, 9, ()))
    return v2.Resize(size)(torch.stack(images))


def mix(pairs):
    labels = torch.tensor([i for i, _ in enumerate(pairs)])
    return v2.MixUp(num_classes=8)(torch.stack(pairs), labels)


class Stream(IterableDataset):
    def __init__(self, *, split, noise=0.0):
        self.split = split
        self.noise = noise

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None or not self.split else (info.id, 2)
        for i in range(first, LENGTH, step):
            yield torch.tensor(float(i)) + self.noise * torch.rand(())


class Shuffled(Stream):
    def __iter__(self):
        yield from random.sample(list(super().__iter__()), k=LENGTH)


class EndlessNoise(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.rand(3)


class Labels(IterableDataset):
    """Few different samples, and each worker has its own part of them."""

    def __iter__(self):
        info = get_worker_info()
        for i in range(info.id if info else 0, LENGTH, info.num_workers if info else 1):
            yield i * 7 % 10


class Exhausted(IterableDataset):
    def __init__(self):
        self.rows = [float(i) for i in range(LENGTH)]

    def __iter__(self):
        while self.rows:
            yield self.rows.pop()


class IsItsIterator(IterableDataset):
    def __init__(self):
        self.position = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.position == LENGTH:
            raise StopIteration
        self.position += 1
        return self.position


class BufferStream(IterableDataset):
    def __iter__(self):
        buffer = np.zeros(3)
        for i in range(LENGTH):
            buffer[:] = i
            yield buffer


class FixedOrder(Sampler):
    def __init__(self, order):
        self.order = list(order)

    def __iter__(self):
        yield from self.order

    def __len__(self):
        return len(self.order)


class ResetsItsGenerator(RandomSampler):
    def __iter__(self):
        self.generator = torch.Generator().manual_seed(0)
        yield from super().__iter__()


class Buckets(Sampler):
    """Batches of similar length, in a new order in each epoch."""

    def __iter__(self):
        buckets = [list(range(i, i + 4)) for i in range(0, LENGTH, 4)]
        yield from random.sample(buckets, k=len(buckets))

    def __len__(self):
        return LENGTH // 4


class Curriculum(Sampler):
    """Easy samples first, and more in each epoch."""

    epoch = 0

    def __iter__(self):
        self.epoch += 1
        yield from range(min(8 * self.epoch, LENGTH))

    def __len__(self):
        return LENGTH


class Balanced(Sampler):
    """A sampler of one's own that draws from two classes with replacement."""

    def __init__(self):
        self.classes = [range(LENGTH // 3), range(LENGTH // 3, LENGTH)]

    def __iter__(self):
        for number in range(LENGTH):
            of_class = self.classes[number % 2]
            yield of_class[torch.randint(len(of_class), ()).item()]

    def __len__(self):
        return LENGTH


def seed_42(worker_id):
    np.random.seed(42)


def seed_by_time(worker_id):
    np.random.seed(int(time.time()) // 1000)


def seed_by_worker(worker_id):
    np.random.seed(42 + worker_id)


def seed_torch_by_worker(worker_id):
    torch.manual_seed(worker_id)


def take_first(samples):
    return torch.stack([samples[0] for _ in samples])


def take_last_of_pairs(pairs):
    return torch.stack([pairs[-1][0] for _ in pairs]), [pairs[-1][1] for _ in pairs]


class Pairs(Rows):
    def __getitem__(self, index):
        return self.data[index], str(index)


def shuffled_once():
    return DataLoader(Rows(), sampler=FixedOrder(torch.randperm(LENGTH).tolist()))


def sorted_by_length():
    return DataLoader(Rows(), sampler=FixedOrder([i * 7 % LENGTH for i in range(24)]))


def distributed(**arguments):
    return DistributedSampler(range(LENGTH), num_replicas=2, rank=0, **arguments)


class DrawsFrom(Rows):
    def __init__(self, rng):
        super().__init__()
        self.rng = rng

    def __getitem__(self, index):
        return self.data[index] + torch.rand((), generator=self.rng)


class Holds(Rows):
    """A generator that is never drawn from."""

    def __init__(self):
        super().__init__()
        self.rng = torch.Generator()


class Shifts:
    def __init__(self):
        self.rng = np.random.default_rng()

    def __call__(self, samples):
        shifts = self.rng.random((len(samples), 1))
        return default_collate(samples) + torch.from_numpy(shifts)


def packs_the_worker_high(worker_id):
    torch.manual_seed(worker_id << 32)


def packs_the_epoch(worker_id):
    torch.manual_seed((torch.initial_seed() % 2**31) << 32 | worker_id)


class ReusesItsList(Sampler):
    def __iter__(self):
        batch = []
        for index in range(LENGTH):
            batch.append(index)
            if len(batch) == 4:
                yield batch
                batch.clear()


class Labelled(Noisy):
    """Samples of three classes, sorted."""

    def __init__(self, noise=1.0, labels=3):
        super().__init__()
        self.noise = noise
        self.labels = labels

    def __getitem__(self, index):
        row = self.data[index] + self.noise * torch.randn(5)
        return row, index * self.labels // LENGTH


def subset_of_a_subset(indices):
    whole = torch.randperm(2000, generator=torch.Generator().manual_seed(0))
    train = Subset(TensorDataset(torch.randn(2000, 3)), whole[:1200].tolist())
    return Subset(train, indices(train.indices))


class AtEpoch(Rows):
    """Samples made from the epoch and the index."""

    def __init__(self, epoch=0):
        super().__init__()
        self.epoch = epoch

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        return np.random.default_rng([int(self.epoch), index]).random(3)


class AtSharedEpoch(AtEpoch):
    def __init__(self):
        super().__init__(torch.tensor(0).share_memory_())

    def set_epoch(self, epoch):
        self.epoch.fill_(epoch)


class AtValue(AtEpoch):
    """The epoch is in shared memory of multiprocessing."""

    def __init__(self):
        super().__init__()
        self.value = multiprocessing.Value("q", 0)

    def set_epoch(self, epoch):
        self.value.value = self.epoch = epoch


class SeededAtStart(Rows):
    epoch = 0

    def __getitem__(self, index):
        return np.random.default_rng([self.epoch, index]).random(3)


def seed_of_the_start(worker_id):
    get_worker_info().dataset.epoch = torch.initial_seed() - worker_id


class ShuffledAlike(Stream):
    """Each worker shuffles its part with one seed, or with that of its start."""

    def __init__(self, *, by_start=False):
        super().__init__(split=True)
        self.by_start = by_start

    def __iter__(self):
        samples = list(super().__iter__())
        info = get_worker_info()
        seed = info.seed - info.id if self.by_start and info else 0
        random.Random(seed).shuffle(samples)
        yield from samples


class ToldStream(IterableDataset):
    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        yield from random.Random(self.epoch).sample(range(LENGTH), k=LENGTH)


class ShuffledShards(IterableDataset):
    """Eight shards of one label each, in another order in each epoch."""

    def __init__(self, shards=8, *, shuffled=True):
        self.shards = shards
        self.shuffled = shuffled

    def __iter__(self):
        info = get_worker_info()
        first, step, seed = (0, 1, None)
        if info is not None:
            first, step, seed = info.id, info.num_workers, info.seed - info.id
        shards = list(range(self.shards))
        if self.shuffled:
            random.Random(seed).shuffle(shards)
        for shard in shards[first::step]:
            for number in range(60):
                yield shard * 60.0 + number, shard


class OpenFile(Rows):
    """Reads a file that is open from the beginning, without a buffer."""

    def __init__(self, lock=None):
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.file.write(np.arange(float(LENGTH)).tobytes())
        self.lock = lock

    def __getitem__(self, index):
        with self.lock or contextlib.nullcontext():
            self.file.seek(8 * index)
            return np.frombuffer(self.file.read(8).ljust(8)).copy()


class OpenedLate(OpenFile):
    def __init__(self):
        super().__init__()
        self.path = Path(f"/proc/self/fd/{self.file.fileno()}")
        self.own = None

    def __getitem__(self, index):
        self.own = self.own or self.path.open("rb", buffering=0)
        self.own.seek(8 * index)
        return np.frombuffer(self.own.read(8)).copy()


class OpenLog(Rows):
    """Writes to a file that is open from the beginning."""

    def __init__(self):
        super().__init__()
        descriptor, name = tempfile.mkstemp()
        self.file = Path(name).open("wb", buffering=0)  # noqa: SIM115
        os.close(descriptor)
        Path(name).unlink()

    def __getitem__(self, index):
        self.file.write(b"read")
        return super().__getitem__(index)


def load(dataset, **arguments):
    """Make a loader of an ordinary kind."""
    return DataLoader(dataset, **{"batch_size": 3, **arguments})


# Name: (loader or function, slug, severity, where)
BROKEN = {
    "class weights": (
        load(Rows(), sampler=WeightedRandomSampler([1.0, 2.0, 1.0], LENGTH)),
        "class-weights-as-sample-weights",
        "error",
        "sampler.weights",
    ),
    "batch sampler that reuses its list": (
        DataLoader(Rows(), batch_sampler=ReusesItsList(), num_workers=2),
        "batch-sampler-reuses-its-list",
        "error",
        "batch_sampler",
    ),
    "subset of a subset": (
        load(subset_of_a_subset(lambda whole: [i for i in whole if i < 1000])),
        "subset-of-a-subset",
        "error",
        "dataset.indices",
    ),
    "subset of a subset that raises": (
        load(subset_of_a_subset(lambda whole: [i for i in whole if i > 1200])),
        "subset-of-a-subset",
        "error",
        "dataset.indices",
    ),
    "no full batch": (
        load(Rows(), batch_size=LENGTH + 1, drop_last=True),
        "drop-last",
        "error",
        "drop_last",
    ),
    "no full batch of a stream": (
        load(Stream(split=True), batch_size=8, drop_last=True, num_workers=2),
        "drop-last",
        "error",
        "drop_last",
    ),
    "sorted by class": (
        load(Labelled(), batch_size=6),
        "sorted-without-shuffle",
        "warning",
        "sampler",
    ),
    "epoch that workers do not hear of": (
        load(AtEpoch(), num_workers=2, persistent_workers=True),
        "stale-worker-copy",
        "error",
        "dataset.epoch",
    ),
    "epoch of an inner dataset": (
        load(Subset(AtEpoch(), range(LENGTH)), num_workers=1, persistent_workers=True),
        "stale-worker-copy",
        "error",
        "dataset.dataset.epoch",
    ),
    "seed of a worker that lives on, unbatched": (
        load(
            SeededAtStart(),
            batch_size=None,
            num_workers=2,
            persistent_workers=True,
            worker_init_fn=seed_of_the_start,
        ),
        "worker-init-runs-once",
        "error",
        "worker_init_fn",
    ),
    "seed of a worker that lives on": (
        load(
            SeededAtStart(),
            num_workers=2,
            persistent_workers=True,
            worker_init_fn=seed_of_the_start,
        ),
        "worker-init-runs-once",
        "error",
        "worker_init_fn",
    ),
    "file opened before": (
        load(OpenFile(), num_workers=2, multiprocessing_context="fork"),
        "file-opened-before-fork",
        "error",
        "dataset.file",
    ),
    "stream shuffled when workers start": (
        load(ShuffledAlike(by_start=True), num_workers=2, persistent_workers=True),
        "stream-with-fixed-shuffle",
        "error",
        "dataset.__iter__",
    ),
    "shards read one after another": (
        load(ShuffledShards(), batch_size=8, num_workers=2),
        "one-shard-per-batch",
        "warning",
        "dataset.__iter__",
    ),
    "cursor": (load(Cursor()), "stateful-cursor", "error", "dataset.position"),
    "unseeded generator": (
        load(Rows(), shuffle=True, generator=torch.Generator()),
        "default-torch-generator",
        "warning",
        "generator",
    ),
    "unseeded generator of the sampler": (
        load(Rows(), sampler=RandomSampler(Rows(), generator=torch.Generator())),
        "default-torch-generator",
        "warning",
        "sampler.generator",
    ),
    "unseeded generator of the dataset": (
        load(DrawsFrom(torch.Generator())),
        "default-torch-generator",
        "warning",
        "dataset.rng",
    ),
    "generator in collate": (
        load(Rows(), num_workers=2, collate_fn=Shifts()),
        "rng-in-collate",
        "error",
        "collate_fn.rng",
    ),
    "workers' seeds alike in 32 bits": (
        load(DrawsFrom(None), num_workers=2, worker_init_fn=packs_the_worker_high),
        "seeds-equal-in-32-bits",
        "error",
        "worker_init_fn",
    ),
    "epochs' seeds alike in 32 bits": (
        load(
            DrawsFrom(None), num_workers=2, shuffle=True, worker_init_fn=packs_the_epoch
        ),
        "seeds-equal-in-32-bits",
        "error",
        "worker_init_fn",
    ),
    "cursor, two workers": (
        load(Cursor(), num_workers=2),
        "stateful-cursor",
        "error",
        "dataset.position",
    ),
    "cursor that pops": (
        load(CursorOnAnIterator()),
        "stateful-cursor",
        "error",
        "dataset.__getitem__",
    ),
    "in-place edit": (
        load(InPlace()),
        "inplace-edit-of-stored-data",
        "error",
        "dataset.data",
    ),
    "in-place edit that fork hides": (
        load(InPlace(), num_workers=2),
        "inplace-edit-of-stored-data",
        "error",
        "dataset.data",
    ),
    "in-place edit of everything": (
        load(InPlaceOnAll()),
        "inplace-edit-of-stored-data",
        "error",
        "dataset.data",
    ),
    "buffer": (load(Buffer()), "reused-buffer", "error", "dataset.buffer"),
    "buffer, unbatched": (
        load(Buffer(), batch_size=None, num_workers=2),
        "reused-buffer",
        "error",
        "dataset.buffer",
    ),
    "buffer, unbatched, no workers": (
        load(Buffer(), batch_size=None),
        "reused-buffer",
        "warning",
        "dataset.buffer",
    ),
    "same dict": (load(SameDict()), "reused-buffer", "error", "dataset.sample"),
    "buffer of a stream": (
        load(BufferStream(), num_workers=1),
        "reused-buffer",
        "error",
        "dataset.__iter__",
    ),
    "cache": (load(CachedNoise()), "cached-augmentation", "error", "dataset.cache"),
    "cache, persistent workers": (
        load(CachedNoise(), num_workers=2, persistent_workers=True),
        "cached-augmentation",
        "error",
        "dataset.cache",
    ),
    "cache that ends with its worker": (
        load(CachedNoise(), num_workers=2),
        "cached-augmentation",
        "note",
        "dataset.cache",
    ),
    "lru_cache": (
        load(LeastRecentlyUsed()),
        "cached-augmentation",
        "error",
        "type(dataset).load",
    ),
    "manual_seed in __getitem__": (
        load(ReseedsTorch(), shuffle=True),
        "reseed-in-getitem",
        "error",
        "dataset.__getitem__",
    ),
    "manual_seed in __getitem__, two workers": (
        load(ReseedsTorch(), num_workers=2),
        "reseed-in-getitem",
        "error",
        "dataset.__getitem__",
    ),
    "new generator in __iter__": (
        load(ShuffledAlike(), num_workers=2),
        "stream-with-fixed-shuffle",
        "warning",
        "dataset.__iter__",
    ),
    "new generator in __getitem__": (
        load(NewGeneratorEachTime()),
        "reseed-in-getitem",
        "warning",
        "dataset.__getitem__",
    ),
    "augmented once": (
        lambda: load(AugmentedOnce()),
        "augmented-once",
        "warning",
        "dataset.__init__",
    ),
    "collate takes the first": (
        load(Rows(), collate_fn=take_first),
        "collate-repeats-one-sample",
        "error",
        "collate_fn",
    ),
    "collate takes the last of pairs": (
        load(Pairs(), collate_fn=take_last_of_pairs, num_workers=2),
        "collate-repeats-one-sample",
        "error",
        "collate_fn",
    ),
    "wrapper": (load(Wrapper()), "getitems-bypass", "error", "dataset.__getitems__"),
    "modulo": (load(Modulo()), "wrong-length", "warning", "dataset.__len__"),
    "noisy modulo": (
        load(NoisyModulo(), shuffle=True, num_workers=2),
        "wrong-length",
        "warning",
        "dataset.__len__",
    ),
    "index table of 8 bits": (
        load(ShortIndexTable(), batch_size=16),
        "wrong-length",
        "warning",
        "dataset.__len__",
    ),
    "fallback": (
        load(Fallback(), shuffle=True),
        "error-fallback-sample",
        "error",
        "dataset.__getitem__",
    ),
    "noisy fallback": (
        load(NoisyFallback(), shuffle=True, num_workers=2),
        "error-fallback-sample",
        "error",
        "dataset.__getitem__",
    ),
    "crop of the same size": (
        load(Images(v2.RandomHorizontalFlip(), v2.RandomCrop(8))),
        "transform-that-does-nothing",
        "warning",
        "dataset.transform.transforms[2]",
    ),
    "probability of zero": (
        load(Images(v2.RandomVerticalFlip(p=0)), num_workers=2),
        "transform-that-does-nothing",
        "warning",
        "dataset.transform.transforms[1]",
    ),
    "colour without a range": (
        load(Images(v2.ColorJitter(), v2.RandomCrop(6))),
        "transform-that-does-nothing",
        "warning",
        "dataset.transform.transforms[1]",
    ),
    "batch augmented as a whole": (
        load(Images(), collate_fn=augment_batch),
        "one-draw-for-the-whole-batch",
        "warning",
        "collate_fn",
    ),
    "constant seed": (
        load(NoisyNumpy(), num_workers=2, worker_init_fn=seed_42),
        "constant-worker-seed",
        "error",
        "worker_init_fn",
    ),
    "seed from the clock": (
        load(NoisyNumpy(), num_workers=2, worker_init_fn=seed_by_time),
        "constant-worker-seed",
        "error",
        "worker_init_fn",
    ),
    "seed without epoch": (
        load(NoisyNumpy(), num_workers=2, worker_init_fn=seed_by_worker),
        "worker-seed-without-epoch",
        "error",
        "worker_init_fn",
    ),
    "torch's seed without epoch, shuffled": (
        load(Noisy(), num_workers=2, shuffle=True, worker_init_fn=seed_torch_by_worker),
        "worker-seed-without-epoch",
        "error",
        "worker_init_fn",
    ),
    "OpenCV": (load(OpenCV(), num_workers=2), "opencv-rng", "error", "cv2"),
    "OpenCV's noise alone": (
        load(OnlyOpenCV(), num_workers=2),
        "opencv-rng",
        "error",
        "cv2",
    ),
    "shuffled once": (
        shuffled_once,
        "order-fixed-at-construction",
        "error",
        "sampler",
    ),
    "sampler that resets its generator": (
        load(Rows(), sampler=ResetsItsGenerator(range(LENGTH))),
        "reseed-every-epoch",
        "error",
        "sampler",
    ),
    "distributed without set_epoch": (
        load(Rows(), sampler=distributed()),
        "no-set-epoch",
        "note",
        "sampler",
    ),
    "distributed inside a batch sampler": (
        DataLoader(Rows(), batch_sampler=BatchSampler(distributed(), 3, False)),
        "no-set-epoch",
        "note",
        "batch_sampler.sampler",
    ),
    "generator as sampler": (
        load(Rows(), sampler=(i for i in range(LENGTH))),
        "one-shot-sampler",
        "error",
        "sampler",
    ),
    "stream that is not split": (
        load(Stream(split=False), num_workers=2),
        "stream-not-split-by-worker",
        "error",
        "dataset.__iter__",
    ),
    "shuffled stream that is not split": (
        load(Shuffled(split=False), num_workers=2),
        "stream-not-split-by-worker",
        "error",
        "dataset.__iter__",
    ),
    "noisy stream that is not split": (
        load(Stream(split=False, noise=1.0), num_workers=2),
        "stream-not-split-by-worker",
        "warning",
        "dataset.__iter__",
    ),
    "exhausted stream": (
        load(Exhausted()),
        "exhausted-stream",
        "error",
        "dataset.__iter__",
    ),
    "stream that is its own iterator": (
        load(IsItsIterator(), num_workers=1, persistent_workers=True),
        "exhausted-stream",
        "error",
        "dataset.__iter__",
    ),
    "iterator that is not a DataLoader": (
        (torch.full((2, 3), float(i)) for i in range(5)),
        "exhausted-stream",
        "error",
        "loader",
    ),
}
EXPECTED_ONLY = {
    "balanced": (
        load(Rows(), sampler=Balanced()),
        Expect(replacement=False),
        "sampler-repeats-indices",
    ),
    "fixed order": (
        sorted_by_length(),
        Expect(fixed_order=False),
        "order-fixed-at-construction",
    ),
    "distributed": (
        load(Rows(), sampler=distributed()),
        Expect(fixed_order=False),
        "no-set-epoch",
    ),
    "deterministic": (
        load(Rows()),
        Expect(deterministic=False),
        "augmented-once",
    ),
    "augmentation of one epoch": (
        load(SeededAtStart()),
        Expect(deterministic=False),
        "augmented-once",
    ),
    "stream with one order": (
        load(Stream(split=True), num_workers=2),
        Expect(fixed_order=False),
        "stream-with-fixed-shuffle",
    ),
    "sorted by label": (
        load(Labelled(noise=0.0), batch_size=6),
        Expect(fixed_order=False),
        "sorted-without-shuffle",
    ),
}


def seeded_by_itself():
    generator = torch.Generator()
    generator.seed()
    return generator


HEALTHY = {
    "seeded generator": load(
        Rows(), shuffle=True, generator=torch.Generator().manual_seed(0)
    ),
    "generator that seeds itself": load(
        Rows(), shuffle=True, generator=seeded_by_itself()
    ),
    "unseeded generator that is not used": load(Holds()),
    "raw data in a cache": load(CachedRawData()),
    "raw data in a cache of persistent workers": load(
        CachedRawData(), num_workers=2, persistent_workers=True
    ),
    "seeded by index": load(SeedsByIndex(), num_workers=2, shuffle=True),
    "entropy of the system": load(EntropyOfTheSystem(), num_workers=2),
    "tries first": load(TriesFirst(), num_workers=2),
    "neighbours are alike": load(Neighbours()),
    "working transforms": load(
        Images(v2.RandomHorizontalFlip(), v2.RandomCrop(6), v2.ColorJitter(0.5)),
        num_workers=2,
    ),
    "transform that seldom works": load(Images(v2.RandomErasing(p=0.05))),
    "blank images, flipped": load(BlankImages(v2.RandomHorizontalFlip())),
    "collate that augments each": load(Images(), collate_fn=augment_each),
    "one size for each batch": load(Images(), collate_fn=one_size_for_each_batch),
    "MixUp": load(Images(), collate_fn=mix, shuffle=True),
    "batches by __getitems__": load(TensorDatasetWithBatches()),
    "clock": load(Clock(), num_workers=2),
    "function of a deterministic loader": lambda: load(Rows()),
    "function of a random loader": lambda: load(Noisy(), shuffle=True, num_workers=2),
    "one sample in a batch, from a buffer": load(Buffer(), batch_size=1),
    "endless noise": load(EndlessNoise(), num_workers=2),
    "split stream": load(Stream(split=True), num_workers=2),
    "split noisy stream": load(Stream(split=True, noise=1.0), num_workers=2),
    "split labels": load(Labels(), num_workers=2),
    "buckets": DataLoader(Rows(), batch_sampler=Buckets()),
    "curriculum": load(Rows(), sampler=Curriculum()),
    "replacement": load(Rows(), sampler=RandomSampler(range(24), replacement=True)),
    "weights": load(Rows(), sampler=WeightedRandomSampler([1.0] * LENGTH, LENGTH)),
    "replacement of one's own": load(Rows(), sampler=Balanced()),
    "subset": load(Rows(), sampler=SubsetRandomSampler(range(12))),
    "sorted by length": sorted_by_length(),
    "function of sorted by length": sorted_by_length,
    "distributed, not shuffled": load(Rows(), sampler=distributed(shuffle=False)),
    "distributed, padded": load(
        Rows(), sampler=DistributedSampler(range(23), 4, 3, shuffle=False)
    ),
    "weights of samples": load(
        Rows(), sampler=WeightedRandomSampler([1.0, 2.0] * (LENGTH // 2), LENGTH)
    ),
    "list reused without workers": DataLoader(Rows(), batch_sampler=ReusesItsList()),
    "subset of a subset, by positions": load(
        subset_of_a_subset(lambda _: list(range(0, 1200, 2)))
    ),
    "last batch of a stream dropped": load(
        Stream(split=True), batch_size=5, drop_last=True
    ),
    "epoch in shared memory": load(
        AtSharedEpoch(), num_workers=2, persistent_workers=True
    ),
    "epoch in a value of multiprocessing": load(
        AtValue(), num_workers=2, persistent_workers=True
    ),
    "epoch for workers that end": load(AtEpoch(), num_workers=2),
    "seed of workers that end": load(
        SeededAtStart(), num_workers=2, worker_init_fn=seed_of_the_start
    ),
    "persistent workers of a fixed dataset": load(
        SeededAtStart(), num_workers=2, persistent_workers=True, worker_init_fn=int
    ),
    "file opened late": load(OpenedLate(), num_workers=2),
    "file with a lock": load(
        OpenFile(multiprocessing.Lock()), num_workers=2, multiprocessing_context="fork"
    ),
    "file read by one worker": load(
        OpenFile(), num_workers=1, multiprocessing_context="fork"
    ),
    "file read without workers": load(OpenFile()),
    "file written to": load(OpenLog(), num_workers=2, multiprocessing_context="fork"),
    "stream in its order": load(Stream(split=True), num_workers=2),
    "stream shuffled anew": load(ShuffledAlike(by_start=True), num_workers=2),
    "shards in one order": load(ShuffledShards(shuffled=False), batch_size=8),
    "one shard": load(ShuffledShards(1), batch_size=8),
    "shuffled classes": load(Labelled(), batch_size=6, shuffle=True),
    "one class": load(Labelled(labels=1), batch_size=6),
    "class of its own": load(Labelled(labels=LENGTH), batch_size=6),
    "last batch dropped": load(Rows(), batch_size=5, drop_last=True, shuffle=True),
    "list of batches": [torch.full((2, 3), float(i)) for i in range(5)],
}


def first_of_each_failure(cases):
    """Return parameters of which all but the first for each failure mode are slow."""
    seen, parameters = set(), []
    for name, case in cases.items():
        slug = case[1]
        marks = slow_audit if slug in seen else ()
        parameters.append(pytest.param(*case, id=name, marks=marks))
        seen.add(slug)
    return parameters


@pytest.mark.parametrize(
    ("loader", "slug", "severity", "where"), first_of_each_failure(BROKEN)
)
def test_failure_is_named_alone_with_its_place(loader, slug, severity, where):
    report = audit(loader)
    found = [(f.slug, f.severity, f.where) for f in report.findings]
    assert found == [(slug, severity, where)], str(report)


# Look-alikes whose observation, and not only the judgement of it, is special.
QUICK = (
    "clock",
    "raw data in a cache",
    "entropy of the system",
    "function of a random loader",
    "working transforms",
    "MixUp",
    "endless noise",
    "split noisy stream",
    "epoch in shared memory",
    "file opened late",
    "seed of workers that end",
)


@pytest.mark.parametrize(
    "loader",
    [
        pytest.param(loader, id=name, marks=() if name in QUICK else slow_audit)
        for name, loader in HEALTHY.items()
    ],
)
def test_nothing_is_found_in_what_is_right(loader):
    report = audit(loader)
    assert not report.findings, str(report)
    assert report.observation.error is None


@pytest.mark.parametrize(
    ("loader", "expect", "slug"), EXPECTED_ONLY.values(), ids=EXPECTED_ONLY
)
def test_what_cannot_be_known_is_found_if_it_is_told(loader, expect, slug):
    assert [f.severity for f in audit(loader).findings] in ([], ["note"])
    (finding,) = audit(loader, expect=expect).findings
    assert (finding.slug, finding.severity) == (slug, "error")


@pytest.mark.parametrize(
    ("loader", "expect"),
    [
        (shuffled_once, Expect(fixed_order=True)),
        (load(CachedNoise()), Expect(deterministic=True)),
        (load(Modulo()), Expect(repeats=True)),
        (load(Stream(split=False, noise=1.0), num_workers=2), Expect(repeats=True)),
        (lambda: load(AugmentedOnce()), Expect(deterministic=True)),
        (load(Rows(), sampler=distributed()), Expect(fixed_order=True)),
        (load(Rows(), sampler=Balanced()), Expect(replacement=True)),
        # A loop that reads them also tells them the epoch.
        (load(AtEpoch()), Expect(deterministic=False)),
        (load(ToldStream(), batch_size=None), Expect(fixed_order=False)),
    ],
)
def test_what_is_meant_is_not_found(loader, expect):
    report = audit(loader, expect=expect)
    assert not report.findings, str(report)


@pytest.mark.parametrize("name", ["replacement", "fixed_order"])
def test_expectation_is_yes_no_or_unknown(name):
    with pytest.raises(TypeError, match=f"Expect: {name} must be True, False or None"):
        Expect(**{name: 1})
    with pytest.raises(TypeError, match=r"expect must be a dejabatch\.Expect"):
        audit(load(Rows()), expect={name: True})


def test_batch_sampler_as_the_sampler_is_read():
    data = TensorDataset(torch.rand(40, 3))
    sampler = BatchSampler(RandomSampler(data), batch_size=8, drop_last=False)
    report = audit(DataLoader(data, batch_size=None, sampler=sampler))
    assert report.observation.error is None
    assert report.findings == ()


class MadeLate(Rows):
    rng = None

    def __getitem__(self, index):
        if self.rng is None:
            self.rng = np.random.default_rng(0)
        return self.data[index] + self.rng.random()


def test_generator_that_the_first_sample_makes_is_not_taken_for_opencvs():
    importlib.import_module("cv2")  # whether other tests have done so or not
    (finding,) = audit(load(MadeLate(), num_workers=2, shuffle=True)).findings
    assert (finding.slug, finding.where) == (
        "rng-object-on-dataset",
        "dataset.rng",
    )


class ShuffledAlike(IterableDataset):
    """All workers draw one order, and each takes its part of it."""

    def __init__(self, noise):
        self.rng, self.noise = np.random.default_rng(0), noise

    def __iter__(self):
        order = self.rng.permutation(40)
        info = get_worker_info()
        for i in order[info.id :: info.num_workers]:
            yield torch.tensor(i + (self.rng.random() if self.noise else 0.0))


@pytest.mark.parametrize("noise", [False, True])
def test_generator_that_only_orders_a_split_stream_is_right(noise):
    loader = load(ShuffledAlike(noise), num_workers=2, persistent_workers=True)
    found = [finding.slug for finding in audit(loader).findings]
    # With noise, a draw is made for every sample; without, none after the order.
    assert ("rng-object-on-dataset" in found) == noise


class CachedMix(Rows):
    """A cache without an entry raises, and the dataset asks itself for another sample."""

    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, index, mix=True):
        try:
            row = self.cache[index]
        except KeyError:
            row = self.cache[index] = self.data[index] + 1
        other = torch.randint(LENGTH, ()).item()
        if not mix:
            return row
        return row + 0.1 * torch.rand(()) * self.__getitem__(other, mix=False)


def test_cache_without_an_entry_is_no_fallback():
    assert audit(load(CachedMix(), num_workers=2, shuffle=True)).findings == ()


@pytest.mark.parametrize("parts", [3, 4, 5, 7])
def test_batches_of_any_number_of_parts_are_taken_apart(parts):
    def augment(samples):
        images = v2.RandomCrop(6)(torch.stack(samples))
        return (images, *[torch.zeros(len(samples))] * (parts - 1))

    report = audit(load(Images(), shuffle=True, collate_fn=augment))
    if parts == 7:  # as many as copies: open what belongs together
        assert "one-draw-for-the-whole-batch" in report.skipped
    else:
        (finding,) = report.findings
        assert finding.slug == "one-draw-for-the-whole-batch"


class FlippedInPlace(Rows):
    """Edits what is stored, every second time."""

    def __getitem__(self, index):
        if torch.rand(()) < 0.5:
            self.data[index] = -self.data[index] - 1
        return self.data[index].clone()


class RarelyFlipped(Dataset):
    """Flips one stored sample in five at random, and keeps what it has made."""

    def __init__(self):
        self.kept = {}

    def __len__(self):
        return 24

    def __getitem__(self, index):
        if index not in self.kept:
            row = torch.arange(4.0) + index
            self.kept[index] = row if random.random() < 0.8 else row.flip(0)
        return self.kept[index]


def test_rare_decision_that_a_cache_keeps_is_seen(monkeypatch):
    # With OpenCV, an audit takes every sample for a random one.
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    random.seed(1)
    (finding,) = audit(DataLoader(RarelyFlipped(), 4, shuffle=True)).findings
    assert (finding.slug, finding.where) == ("cached-augmentation", "dataset.kept")


def test_edit_behind_a_random_decision_is_seen():
    found = []
    for seed in range(8):
        torch.manual_seed(seed)
        found += audit(load(FlippedInPlace(), shuffle=True)).findings
    slugs = [finding.slug for finding in found]
    assert slugs.count("inplace-edit-of-stored-data") >= 5


@slow_audit
@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.parametrize(
    ("make", "slug"),
    [
        (Cursor, "stateful-cursor"),
        (InPlace, "inplace-edit-of-stored-data"),
        (Buffer, "reused-buffer"),
        (ReseedsTorch, "reseed-in-getitem"),
        (functools.partial(Stream, split=False), "stream-not-split-by-worker"),
    ],
)
def test_it_is_so_under_other_start_methods(make, slug, method):
    loader = load(make(), num_workers=2, multiprocessing_context=method)
    (finding,) = audit(loader, epochs=1).findings
    assert finding.slug == slug


def test_what_workers_share_with_this_process_is_put_back(tmp_path):
    shared = InPlace()
    shared.data.share_memory_()
    shared.view = shared.data[:2]
    mapped = Rows()
    mapped.data = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(LENGTH, 5))
    mapped.__class__ = InPlaceOnAll
    mapped.data[:] = 1
    before = shared.data.clone(), mapped.data.copy()
    for dataset in (shared, mapped):
        assert not audit(load(dataset, num_workers=2)).ok
    assert torch.equal(shared.data, before[0])
    assert np.array_equal(mapped.data, before[1])


def test_a_generator_of_batches_is_read_elsewhere():
    batches = itertools.count()
    audit(batches, max_batches=3)
    assert next(batches) == 0
