"""The fixes inside accelerate and Lightning, on real ranks: right, or a clear error."""

import warnings
from functools import partial

import pytest
import torch
import torch.distributed as dist
from green_runs import slow_ranks
from rank_loaders import Numbers
from rank_processes import on_ranks
from test_recipes import recipe
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torch.utils.data.distributed import DistributedSampler

from dejabatch import EpochSampler, PerSample, seed_worker, set_epoch, shard
from dejabatch.splits import splits_of


class Noisy(Dataset):
    """The index, and a random number."""

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return torch.tensor([float(index), torch.rand(())])


def prepare(loader, *, dispatch=False):
    from accelerate import Accelerator, DataLoaderConfiguration  # noqa: PLC0415

    warnings.simplefilter("ignore")
    settings = DataLoaderConfiguration(dispatch_batches=dispatch)
    return Accelerator(cpu=True, dataloader_config=settings).prepare(loader)


def gathered(items):
    """Return the items of all ranks, sorted."""
    parts = [None] * dist.get_world_size()
    dist.all_gather_object(parts, items)
    return sorted(item for part in parts for item in part)


def read(loader):
    return gathered([int(item) for batch in loader for item in batch])


def error_of(function, *arguments):
    try:
        function(*arguments)
    except RuntimeError as error:
        return str(error)
    return "no error"


def per_sample(seed=5, **arguments):
    data = PerSample(Noisy(), seed)
    sampler = EpochSampler(RandomSampler(data))
    return DataLoader(data, batch_size=3, sampler=sampler, **arguments)


def rows(loader):
    return [tuple(row) for batch in loader for row in batch.tolist()]


def program_of_accelerate(rank, world):
    from accelerate import Accelerator  # noqa: PLC0415

    Accelerator(cpu=True)  # makes the process group
    torch.manual_seed(rank)
    results = {}
    for workers in (0, 2):
        options = {"batch_size": 4, "num_workers": workers}
        results["plain", workers] = read(DataLoader(shard(range(32)), **options))
        whole = prepare(DataLoader(shard(range(32), ranks=False), **options))
        results["prepared", workers] = read(whole)
        twice = prepare(DataLoader(shard(range(32)), **options))
        results["twice", workers] = error_of(list, twice)
    stream = DataLoader(shard(range(32), ranks=False), batch_size=4)
    results["dispatched"] = read(prepare(stream, dispatch=True))
    shuffled = DataLoader(shard(range(32), ranks=False, shuffle_buffer=4), batch_size=4)
    results["shuffle_buffer"] = error_of(list, prepare(shuffled))
    loader = prepare(per_sample())
    results["epoch 0"] = gathered(rows(loader))
    set_epoch(loader, 3)
    results["epoch 3"] = gathered(rows(loader))
    results["epoch 4"] = gathered(rows(loader))
    sampler = EpochSampler(DistributedSampler(Noisy()))
    split = prepare(DataLoader(PerSample(Noisy(), 5), batch_size=3, sampler=sampler))
    results["split twice"] = error_of(list, split)
    workers = DataLoader(
        Noisy(), batch_size=3, num_workers=1, worker_init_fn=seed_worker
    )
    numbers = gathered([row[1] for row in rows(prepare(workers))])
    results["different numbers"] = len(set(numbers))
    return results


@slow_ranks
def test_fixes_inside_accelerate():
    results, other = on_ranks(2, program_of_accelerate, group=False, timeout=300)
    for workers in (0, 2):
        assert results["plain", workers] == list(range(32))
        assert results["prepared", workers] == list(range(32))
        for error in (results["twice", workers], other["twice", workers]):
            assert "IterableDatasetShard splits them into 2 parts once more" in error
            assert "ranks=False" in error
    assert results["dispatched"] == list(range(32))
    assert "leave shuffle_buffer out" in results["shuffle_buffer"]
    alone = per_sample()
    for epoch in (0, 3, 4):
        set_epoch(alone, epoch)
        assert results[f"epoch {epoch}"] == sorted(rows(alone))
    assert "BatchSamplerShard splits them into 2 parts" in results["split twice"]
    assert results["different numbers"] == 24


def program_of_dispatcher(rank, world, workers):
    loader = DataLoader(shard(range(32)), batch_size=4, num_workers=workers)
    return error_of(list, prepare(loader, dispatch=True))


@slow_ranks
@pytest.mark.parametrize("workers", [0, 1])
def test_shard_inside_a_dispatcher_is_refused(workers):
    zero, _ = on_ranks(2, program_of_dispatcher, workers, group=False, timeout=100)
    assert "DataLoaderDispatcher splits them into 2 parts once more" in zero


@slow_ranks
def test_sampler_inside_lightnings_wrapper_is_refused():
    from lightning.fabric.utilities.distributed import (  # noqa: PLC0415
        DistributedSamplerWrapper,
    )

    inner = DistributedSampler(Noisy(), 2, 0)
    wrapped = DistributedSamplerWrapper(EpochSampler(inner), num_replicas=2, rank=0)
    with pytest.raises(
        RuntimeError, match=r"use_distributed_sampler=False to Lightning"
    ):
        list(wrapped)
    right = EpochSampler(RandomSampler(Noisy()))
    parts = [
        list(DistributedSamplerWrapper(right, num_replicas=2, rank=rank))
        for rank in range(2)
    ]
    assert [len(part) for part in parts] == [12, 12]
    assert {index.epoch for part in parts for index in part} == {0, 1}


def program_of_recipes(rank, world):
    from accelerate import Accelerator  # noqa: PLC0415

    Accelerator(cpu=True)  # makes the process group
    load = partial(DataLoader, batch_size=4)
    sampler = DistributedSampler(range(32))
    part = recipe("ranks").batches_of_rank(range(32), epochs=1, batch_size=4)
    results = {
        "part": read(part),
        "part, prepared": read(prepare(load(range(32), sampler=sampler))),
        "whole, prepared": read(prepare(load(range(32), shuffle=True))),
    }
    split = recipe("split_stream").Split
    for workers in (0, 2):
        mine, all_ranks = split(range(32), rank, world), split(range(32))
        options = {"num_workers": workers}
        results["stream", workers] = read(load(mine, **options))
        results["stream, prepared", workers] = read(prepare(load(mine, **options)))
        whole = prepare(load(all_ranks, **options))
        results["whole stream, prepared", workers] = read(whole)
    for number in (rank, 0):
        torch.manual_seed(0)
        init = recipe("rank_seed").SeedByRank(number)
        loader = load(Noisy(), num_workers=1, worker_init_fn=init)
        draws = gathered([row[1] for row in rows(prepare(loader))])
        results["draws", number == rank] = len(set(draws))
    return results


@slow_ranks
def test_recipes_inside_accelerate():
    _, results = on_ranks(2, program_of_recipes, group=False, timeout=300)
    everything = list(range(32))
    assert results["part"] == results["whole, prepared"] == everything
    assert len(results["part, prepared"]) == 16
    for workers in (0, 2):
        assert results["stream", workers] == everything
        assert len(set(results["stream, prepared", workers])) == 16
        assert results["whole stream, prepared", workers] == everything
    assert results["draws", True] == 24
    assert results["draws", False] == 12  # the number of a model that both ranks hold


@slow_ranks
def test_epoch_reaches_lightnings_fabric():
    from lightning.fabric import Fabric  # noqa: PLC0415

    fabric = Fabric(accelerator="cpu", devices=1)
    loader = fabric.setup_dataloaders(per_sample())
    set_epoch(loader, 3)
    alone = per_sample()
    for epoch in (3, 4):
        set_epoch(alone, epoch)
        assert sorted(rows(loader)) == sorted(rows(alone))


def test_splits_are_found_where_they_are(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    sampler = EpochSampler(DistributedSampler(Numbers(), 4, 3))
    found = splits_of(DataLoader(Numbers(), sampler=sampler))
    assert [(s.path, s.parts, s.part) for s in found] == [("sampler.sampler", 4, 3)]
    (found,) = splits_of(DataLoader(shard(range(4))))
    assert (found.path, found.kind, found.parts, found.part) == (
        "dataset",
        "shard",
        2,
        1,
    )
    assert splits_of(DataLoader(shard(range(4), ranks=False))) == ()
    assert splits_of(DataLoader(Numbers(), shuffle=True)) == ()
