"""Epochs have numbers, which reach samplers, datasets and workers."""

import doctest
import itertools
import weakref

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


class StoresSharedEpoch(Dataset):
    """Each sample is the epoch that the process of the dataset knows."""

    def __init__(self):
        self.epoch = SharedEpoch()

    def set_epoch(self, epoch):
        self.epoch.value = epoch

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.epoch.value


class StoresEpochInAttribute(StoresSharedEpoch):
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


def test_examples():
    assert doctest.testmod(dejabatch.fixes.looping).failed == 0


# Forked workers inherit the memory; all others get a handle by pickle.
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_shared_epoch_reaches_persistent_workers(method):
    loader = DataLoader(
        StoresSharedEpoch(),
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context=method,
    )
    for epoch in (3, 4):
        set_epoch(loader, epoch)
        assert [int(batch) for batch in loader] == [epoch] * 4


def test_attribute_reaches_new_workers_but_not_persistent_workers():
    loader = DataLoader(StoresEpochInAttribute(), num_workers=1)
    for epoch in (3, 4):
        set_epoch(loader, epoch)
        assert [int(batch) for batch in loader] == [epoch] * 4
    loader = DataLoader(
        StoresEpochInAttribute(), num_workers=1, persistent_workers=True
    )
    set_epoch(loader, 3)
    assert [int(batch) for batch in loader] == [3] * 4
    with pytest.raises(
        RuntimeError, match=r"loader: dataset\.set_epoch changes the copy"
    ):
        set_epoch(loader, 4)


def test_wrapped_samplers_and_datasets_are_reached():
    sampler = DistributedSampler(range(8), num_replicas=2, rank=0)
    set_epoch(DataLoader(range(8), sampler=sampler), 5)
    assert sampler.epoch == 5
    batches = BatchSampler(sampler, 2, drop_last=False)
    set_epoch(DataLoader(range(8), batch_sampler=batches), 6)
    assert sampler.epoch == 6
    outer = EpochSampler(sampler)
    set_epoch(DataLoader(range(8), sampler=outer), 7)
    assert outer.epoch == sampler.epoch == 7
    dataset = StoresEpochInAttribute()
    set_epoch(DataLoader(Subset(Subset(dataset, [0, 1]), [0])), 8)
    assert dataset.number == 8


def test_loader_without_set_epoch_is_refused():
    with pytest.raises(LookupError, match="neither its sampler nor its dataset"):
        set_epoch(DataLoader(range(3), shuffle=True), 1)


def test_running_epoch_is_refused():
    loader = DataLoader(
        Endless(), batch_size=None, num_workers=1, persistent_workers=True
    )
    running = iter(loader)
    next(running)
    with pytest.raises(RuntimeError, match="an epoch that is still running"):
        set_epoch(loader, 1)


def test_epoch_that_has_ended_is_not_refused():
    loader = DataLoader(StoresSharedEpoch(), num_workers=1, persistent_workers=True)
    list(loader)
    set_epoch(loader, 1)
    assert loader.dataset.epoch.value == 1


@pytest.mark.parametrize("epoch", [-1, 1.5, True, 2**63, None])
def test_bad_epoch_is_named(epoch):
    message = "epoch must be an integer of at least 0"
    with pytest.raises(ValueError, match=message):
        set_epoch(DataLoader(StoresEpochInAttribute()), epoch)
    with pytest.raises(ValueError, match=message):
        SharedEpoch(epoch)
    with pytest.raises(ValueError, match=message):
        next(forever([1], epoch=epoch))


def test_loader_of_another_kind_is_named():
    with pytest.raises(TypeError, match="loader must be a DataLoader, not list"):
        set_epoch([1, 2], 1)


def test_forever_draws_a_new_order_for_each_epoch():
    loader = DataLoader(range(12), batch_size=None, sampler=RandomSampler(range(12)))
    drawn = [int(x) for x in itertools.islice(forever(loader), 36)]
    epochs = [drawn[:12], drawn[12:24], drawn[24:]]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_forever_sets_each_epoch():
    loader = DataLoader(StoresSharedEpoch(), batch_size=4)
    epochs = [
        batch[0].item() for batch in itertools.islice(forever(loader, epoch=5), 3)
    ]
    assert epochs == [5, 6, 7]


def test_forever_continues_the_epochs_of_per_sample():
    dataset = PerSample(torch.arange(3), seed=0)
    loader = DataLoader(dataset, sampler=EpochSampler(RandomSampler(dataset)))
    list(itertools.islice(forever(loader, epoch=2), 3))
    assert loader.sampler.epoch == 3
    assert dataset[EpochIndex(0, 2)] == 0


def test_forever_stores_no_batch():
    batches = forever(DataLoader(torch.zeros(8, 1000), batch_size=4))
    alive = [weakref.ref(next(batches)) for _ in range(10)]
    assert sum(ref() is not None for ref in alive) <= 1


def test_forever_takes_any_iterable_and_refuses_an_iterator():
    assert list(itertools.islice(forever([1, 2]), 5)) == [1, 2, 1, 2, 1]
    batches = forever(iter([1, 2]))
    assert [next(batches), next(batches)] == [1, 2]
    with pytest.raises(RuntimeError, match="epoch 1 has no batch"):
        next(batches)


class RaisesInSetEpoch(StoresEpochInAttribute):
    def set_epoch(self, epoch):
        raise KeyError(epoch)


def test_exception_of_the_users_set_epoch_is_raised():
    with pytest.raises(KeyError, match="7"):
        next(forever(DataLoader(RaisesInSetEpoch()), epoch=7))


def test_dataset_in_place_of_a_loader_is_refused():
    with pytest.raises(TypeError, match="pass a DataLoader of it"):
        next(forever(StoresEpochInAttribute()))


def test_shared_epoch_shows_its_number():
    assert repr(SharedEpoch(4)) == "SharedEpoch(4)"
