"""Loaders of ranks: for each failure mode one that has it, and its repair.

Every function takes the rank and the number of ranks.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    Subset,
)
from torch.utils.data.distributed import DistributedSampler

from dejabatch import Expect, seed_worker, shard

LENGTH = 48


class Numbers(Dataset):
    """Samples that say their index, in an order that the constructor is given."""

    def __init__(self, order=range(LENGTH)):
        self.order = list(order)

    def __len__(self):
        return len(self.order)

    def __getitem__(self, index):
        return torch.tensor([self.order[index], 7])


class Noisy(Numbers):
    def __getitem__(self, index):
        return super().__getitem__(index) + 0.1 * torch.rand(2)


class Stream(IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(map(torch.tensor, self.items))


def load(dataset, sampler=None, **arguments):
    return DataLoader(dataset, batch_size=4, sampler=sampler, **arguments)


def split(dataset, rank, world, **arguments):
    return DistributedSampler(dataset, world, rank, **arguments)


def seeded(rank, *, offset=0):
    """Seed as a training script does, with or without the rank."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(7 + offset * rank)


def without_sampler(rank, world):
    seeded(rank, offset=1)
    return load(Numbers(), shuffle=True)


def with_sampler(rank, world):
    seeded(rank, offset=1)
    return load(Numbers(), split(Numbers(), rank, world))


def one_seed(rank, world):
    seeded(rank)
    return load(Noisy(), split(Noisy(), rank, world), num_workers=2)


def one_seed_and_seed_worker(rank, world):
    seeded(rank)
    sampler = split(Noisy(), rank, world)
    return load(Noisy(), sampler, num_workers=2, worker_init_fn=seed_worker)


def prepared(loader, rank, world):
    from accelerate.data_loader import prepare_data_loader  # noqa: PLC0415

    return prepare_data_loader(
        loader,
        num_processes=world,
        process_index=rank,
        put_on_device=False,
        rng_types=["generator"],
    )


def split_and_prepared(rank, world):
    return prepared(with_sampler(rank, world), rank, world)


def only_prepared(rank, world):
    seeded(rank, offset=1)
    return prepared(load(Numbers(), shuffle=True), rank, world)


def split_by_hand_and_by_sampler(rank, world):
    part = Subset(Numbers(), range(rank, LENGTH, world))
    return load(part, split(part, rank, world))


def padded(rank, world):
    data = Numbers(range(10 * world - 1))
    return load(data, split(data, rank, world, shuffle=False))


def unpadded(rank, world):
    data = Numbers(range(10 * world - 1))
    return load(Subset(data, range(rank, len(data), world)))


def unsorted(rank, world):
    order = list(range(LENGTH))
    random.Random(rank).shuffle(order)
    data = Numbers(order)
    return load(data, split(data, rank, world))


def sorted_first(rank, world):
    order = list(range(LENGTH))
    random.Random(0).shuffle(order)
    data = Numbers(order)
    return load(data, split(data, rank, world))


def seeded_by_rank(rank, world):
    return load(Numbers(), split(Numbers(), rank, world, seed=rank))


def local_rank(rank, world):
    """Pass the number on a machine that has all ranks but the last."""
    return load(Numbers(), split(Numbers(), rank % (world - 1), world))


def uneven(rank, world):
    items = range(rank, LENGTH + (world - 1 if rank == 0 else 0), world)
    return load(Stream([*items, *([0] * 8 if rank == 0 else [])]), num_workers=1)


def even(rank, world):
    return load(Stream(range(rank, LENGTH, world)), num_workers=1)


def model_parallel_differ(rank, world):
    return with_sampler(rank, world)


def model_parallel_agree(rank, world):
    return load(Numbers(), split(Numbers(), 0, 1))


def stream_for_all(rank, world):
    return load(Stream(range(LENGTH)))


def stream_split(rank, world):
    return load(shard(list(map(float, range(LENGTH)))), num_workers=2)


class StreamOfRank(Stream):
    """Split a stream by the rank that the constructor is given."""

    def __init__(self, rank, world_size):
        super().__init__(range(rank, LENGTH, world_size))
        self.rank, self.world_size = rank, world_size


def stream_split_and_prepared(rank, world):
    return prepared(load(StreamOfRank(rank, world)), rank, world)


class PackedByLocalRank(Sampler):
    """Give a rank every n-th batch, counted by its number on its machine."""

    def __init__(self, rank, world):
        self.num_replicas, self.rank = world, int(os.environ["LOCAL_RANK"])

    def __iter__(self):
        order = np.random.default_rng(0).permutation(LENGTH).tolist()
        batches = [order[i : i + 4] for i in range(0, LENGTH, 4)]
        return iter(batches[self.rank :: self.num_replicas])

    def __len__(self):
        return LENGTH // 4 // self.num_replicas


def two_machines(rank, world):
    os.environ["LOCAL_RANK"] = str(rank % (world // 2))
    os.environ["LOCAL_WORLD_SIZE"] = str(world // 2)
    return DataLoader(Numbers(), batch_sampler=PackedByLocalRank(rank, world))


def tensor_parallel(rank, world):
    """Let two ranks hold one model and read the same."""
    return load(Numbers(), split(Numbers(), rank // 2, world // 2))


class RepeatedAugmentation(Sampler):
    """Draw each index on three ranks, as DeiT's sampler does."""

    def __init__(self, rank, world):
        self.rank, self.num_replicas = rank, world

    def __iter__(self):
        order = torch.randperm(LENGTH, generator=torch.Generator().manual_seed(1))
        order = order.repeat_interleave(3).tolist()
        return iter(
            order[self.rank :: self.num_replicas][: LENGTH // self.num_replicas]
        )

    def __len__(self):
        return LENGTH // self.num_replicas


def repeated_augmentation(rank, world):
    seeded(rank, offset=1)
    return load(Noisy(), RepeatedAugmentation(rank, world), num_workers=2)


class Windows(Sampler):
    """Draw windows of the data at random, by a seed with the rank."""

    def __init__(self, rank, world):
        self.rank, self.length = rank, LENGTH // world

    def __iter__(self):
        g = torch.Generator().manual_seed(self.rank)
        return iter(torch.randint(LENGTH, (self.length,), generator=g).tolist())

    def __len__(self):
        return self.length


def windows(rank, world):
    seeded(rank, offset=1)
    return load(Numbers(), Windows(rank, world))


class Resampled(IterableDataset):
    """Draw shards at random, by a seed with the rank and the worker."""

    def __init__(self, rank, world):
        self.rank = rank

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        g = np.random.default_rng([self.rank, info.id])
        for first in 4 * g.integers(0, LENGTH // 4, 4):
            yield from torch.arange(first, first + 4)


def resampled(rank, world):
    return load(Resampled(rank, world), num_workers=2)


def training_with_padding(rank, world):
    data = Numbers(range(10 * world - 1))
    return load(data, split(data, rank, world, shuffle=True))


def split_dataset_by_node(rank, world):
    from datasets import Dataset as Table  # noqa: PLC0415
    from datasets.distributed import split_dataset_by_node as by_node  # noqa: PLC0415

    table = Table.from_dict({"x": list(range(LENGTH))}).with_format("torch")
    return load(by_node(table, rank=rank, world_size=world))


def no_expectation(world):
    return Expect()


@dataclass(frozen=True)
class Case:
    """A loader with a failure, the repaired one, and the answers of the user."""

    slug: str
    broken: Callable[[int, int], Any]
    fixed: Callable[[int, int], Any]
    expect: Callable[[int], Expect] = no_expectation


def one_model(world):
    return Expect(same_data=[list(range(world))])


CASES = (
    Case("no-distributed-sampler", without_sampler, with_sampler),
    Case("ranks-augment-alike", one_seed, one_seed_and_seed_worker),
    Case("data-split-twice", split_and_prepared, only_prepared),
    Case("data-split-twice", split_by_hand_and_by_sampler, with_sampler),
    Case("data-split-twice", stream_split_and_prepared, stream_split),
    Case("padded-evaluation", padded, unpadded),
    Case("ranks-disagree", unsorted, sorted_first),
    Case("ranks-disagree", seeded_by_rank, with_sampler),
    Case("wrong-rank", local_rank, with_sampler),
    Case("ranks-of-different-lengths", uneven, even),
    Case(
        "model-parallel-ranks-differ",
        model_parallel_differ,
        model_parallel_agree,
        one_model,
    ),
    Case("stream-not-split-by-rank", stream_for_all, stream_split),
)
"""A pair of loaders for each failure mode that the audit of all ranks names."""

HEALTHY = (
    repeated_augmentation,
    windows,
    resampled,
    training_with_padding,
    split_dataset_by_node,
)
"""Right loaders that resemble the broken ones."""
