"""Passes have numbers, which reach samplers, datasets and workers."""

import doctest
import itertools

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
)
from torch.utils.data.distributed import DistributedSampler

import dejabatch.fixes.looping
from dejabatch import (
    EpochIndex,
    EpochSampler,
    PerSample,
    SharedEpoch,
    forever,
    set_epoch,
)


class Shared(Dataset):
    """Samples that say which epoch their process knows of."""

    def __init__(self):
        self.epoch = SharedEpoch()

    def set_epoch(self, epoch):
        self.epoch.value = epoch

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.epoch.value


class Own(Shared):
    def __init__(self):
        self.number = 0

    def set_epoch(self, epoch):
        self.number = epoch

    def __getitem__(self, index):
        return self.number


class Endless(IterableDataset):
    def __init__(self):
        self.epoch = SharedEpoch()

    def set_epoch(self, epoch):
        self.epoch.value = epoch

    def __iter__(self):
        return itertools.repeat(0)


def distributed():
    return DistributedSampler(range(8), num_replicas=2, rank=0)


def test_examples():
    assert doctest.testmod(dejabatch.fixes.looping).failed == 0


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_shared_epoch_reaches_persistent_workers(method):
    loader = DataLoader(
        Shared(), num_workers=1, persistent_workers=True, multiprocessing_context=method
    )
    for epoch in (3, 4):
        set_epoch(loader, epoch)
        assert [int(batch) for batch in loader] == [epoch] * 4


def test_own_attribute_reaches_new_workers_and_not_those_that_live_on():
    loader = DataLoader(Own(), num_workers=1)
    for epoch in (3, 4):
        set_epoch(loader, epoch)
        assert [int(batch) for batch in loader] == [epoch] * 4
    loader = DataLoader(Own(), num_workers=1, persistent_workers=True)
    set_epoch(loader, 3)
    assert [int(batch) for batch in loader] == [3] * 4
    with pytest.raises(
        RuntimeError, match=r"loader: dataset\.set_epoch changes the copy"
    ):
        set_epoch(loader, 4)


def test_samplers_and_datasets_are_reached_wherever_they_are():
    sampler = distributed()
    set_epoch(DataLoader(range(8), sampler=sampler), 5)
    assert sampler.epoch == 5
    batches = BatchSampler(sampler, 2, drop_last=False)
    set_epoch(DataLoader(range(8), batch_sampler=batches), 6)
    assert sampler.epoch == 6
    outer = EpochSampler(sampler)
    set_epoch(DataLoader(range(8), sampler=outer), 7)
    assert outer.epoch == sampler.epoch == 7
    dataset = Own()
    set_epoch(DataLoader(Subset(Subset(dataset, [0, 1]), [0])), 8)
    assert dataset.number == 8


def test_nothing_to_set_is_told():
    with pytest.raises(LookupError, match="neither its sampler nor its dataset"):
        set_epoch(DataLoader(range(3), shuffle=True), 1)


def test_pass_that_runs_is_too_late():
    loader = DataLoader(
        Endless(), batch_size=None, num_workers=1, persistent_workers=True
    )
    running = iter(loader)
    next(running)
    with pytest.raises(RuntimeError, match="at work on a pass"):
        set_epoch(loader, 1)
    loader = DataLoader(Shared(), num_workers=1, persistent_workers=True)
    list(loader)
    set_epoch(loader, 1)  # the pass has ended


@pytest.mark.parametrize("epoch", [-1, 1.5, True, 2**63, None])
def test_bad_epoch_is_named(epoch):
    message = "epoch must be an integer of at least 0"
    with pytest.raises(ValueError, match=message):
        set_epoch(DataLoader(Own()), epoch)
    with pytest.raises(ValueError, match=message):
        SharedEpoch(epoch)
    with pytest.raises(ValueError, match=message):
        next(forever([1], epoch=epoch))


def test_loader_of_another_kind_is_named():
    with pytest.raises(TypeError, match="loader must be a DataLoader, not list"):
        set_epoch([1, 2], 1)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_forever_makes_new_passes(num_workers):
    loader = DataLoader(range(12), batch_size=None, sampler=RandomSampler(range(12)))
    drawn = [int(x) for x in itertools.islice(forever(loader), 36)]
    passes = [drawn[:12], drawn[12:24], drawn[24:]]
    assert all(sorted(one) == list(range(12)) for one in passes)
    assert passes[0] != passes[1] != passes[2]


def test_forever_sets_the_epoch_of_each_pass():
    loader = DataLoader(Shared(), num_workers=1, persistent_workers=True, batch_size=4)
    epochs = [
        batch[0].item() for batch in itertools.islice(forever(loader, epoch=5), 3)
    ]
    assert epochs == [5, 6, 7]


def test_forever_goes_on_where_per_sample_has_ended():
    dataset = PerSample(torch.arange(3), seed=0)
    loader = DataLoader(dataset, sampler=EpochSampler(RandomSampler(dataset)))
    list(itertools.islice(forever(loader, epoch=2), 3))
    assert loader.sampler.epoch == 3
    assert dataset[EpochIndex(0, 2)] == 0


def test_forever_stores_no_batch():
    import weakref  # noqa: PLC0415 - for this test alone

    batches = forever(DataLoader(torch.zeros(8, 1000), batch_size=4))
    alive = [weakref.ref(next(batches)) for _ in range(10)]
    assert sum(ref() is not None for ref in alive) <= 1


def test_forever_takes_any_iterable_and_refuses_one_pass():
    assert list(itertools.islice(forever([1, 2]), 5)) == [1, 2, 1, 2, 1]
    batches = forever(iter([1, 2]))
    assert [next(batches), next(batches)] == [1, 2]
    with pytest.raises(RuntimeError, match="epoch 1 has no batch"):
        next(batches)


class Refuses(Own):
    def set_epoch(self, epoch):
        raise KeyError(epoch)


def test_error_of_the_users_set_epoch_is_raised():
    with pytest.raises(KeyError, match="7"):
        next(forever(DataLoader(Refuses()), epoch=7))
    with pytest.raises(TypeError, match="pass a DataLoader of it"):
        next(forever(Own()))


def test_shared_epoch_shows_its_number():
    assert repr(SharedEpoch(4)) == "SharedEpoch(4)"
