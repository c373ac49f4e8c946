"""Each assertion passes for a right loader, and names what is wrong with another."""

import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Subset,
)

from dejabatch import EpochSampler, Expect, FindingsError, PerSample, shard, testing


class Noisy(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return index + self.rng.random()


class TorchNoise(Noisy):
    def __getitem__(self, index):
        return index + torch.rand(())


class Numbers(IterableDataset):
    def __init__(self, split=True):
        self.split = split

    def __iter__(self):
        return iter(shard(range(40)) if self.split else range(40))


def loads(dataset, **arguments):
    return lambda: DataLoader(dataset, **{"batch_size": 4, **arguments})


def test_healthy():
    testing.assert_healthy(loads(range(40), shuffle=True))
    with pytest.raises(FindingsError, match="drop_last"):
        testing.assert_healthy(loads(range(3), drop_last=True))
    drawn_twice = loads(range(40), sampler=[*range(39), 3])
    testing.assert_healthy(drawn_twice)
    with pytest.raises(FindingsError):
        testing.assert_healthy(drawn_twice, expect=Expect(replacement=False))


def test_independent_workers():
    testing.assert_independent_workers(loads(TorchNoise(), num_workers=2))
    with pytest.raises(FindingsError, match=r"dataset\.rng"):
        testing.assert_independent_workers(loads(Noisy(), num_workers=2))
    # Another failure is not this assertion's.
    testing.assert_independent_workers(loads(range(40), sampler=[3] * 40))


def test_epochs_differ():
    testing.assert_epochs_differ(loads(range(40), shuffle=True))
    with pytest.raises(AssertionError, match="same 40 samples in the same order"):
        testing.assert_epochs_differ(loads(range(40)))
    only_augmentation = {"order": False, "augmentation": True}
    testing.assert_epochs_differ(loads(TorchNoise()), **only_augmentation)
    with pytest.raises(AssertionError, match="all 40 samples of the second epoch"):
        testing.assert_epochs_differ(loads(Noisy(), num_workers=1), **only_augmentation)
    with pytest.raises(ValueError, match="nothing would be asserted"):
        testing.assert_epochs_differ(loads(range(40)), order=False)
    with pytest.raises(RuntimeError, match="fewer than ten different samples"):
        testing.assert_epochs_differ(loads(range(5)), **only_augmentation)


def test_no_duplicates():
    testing.assert_no_duplicates(loads(range(40), shuffle=True))
    testing.assert_no_duplicates(loads(Numbers(), num_workers=2))
    sampler = [3, 3, 3, 5]
    message = (
        "1 of 2 different samples come more than once in an epoch of 4; index 3 comes 3 "
        "times"
    )
    with pytest.raises(AssertionError, match=message):
        testing.assert_no_duplicates(DataLoader(range(40), sampler=sampler))
    with pytest.raises(AssertionError, match=r"40 of 40 .* epoch of 80; one sample"):
        testing.assert_no_duplicates(loads(Numbers(split=False), num_workers=2))


def test_covers():
    testing.assert_covers(loads(range(40), shuffle=True))
    testing.assert_covers(loads(range(40), sampler=[7, 8]), [7, 8])
    with pytest.raises(
        AssertionError, match=r"2 of 42 indices are never drawn .* 40\."
    ):
        testing.assert_covers(loads(range(42), drop_last=True))
    with pytest.raises(TypeError, match="no indices"):
        testing.assert_covers(loads(Numbers()))


def test_disjoint():
    training = DataLoader(Subset(range(50), range(40)), shuffle=True)
    testing.assert_disjoint(training, DataLoader(Subset(range(50), range(40, 50))))
    with pytest.raises(FindingsError, match="samples"):
        testing.assert_disjoint(training, DataLoader(Subset(range(50), range(30, 50))))


def test_same_for_num_workers():
    def make(num_workers):
        dataset = PerSample(TorchNoise(), seed=0)
        sampler = EpochSampler(RandomSampler(range(40)))
        return DataLoader(dataset, 4, sampler=sampler, num_workers=num_workers)

    testing.assert_same_for_num_workers(make)

    def random(num_workers):
        return DataLoader(TorchNoise(), batch_size=4, num_workers=num_workers)

    message = (
        "the samples differ between num_workers=0 and num_workers=1: 40 and 40 samples, "
        "of which 40 differ; the first is sample 0 of the epoch"
    )
    with pytest.raises(AssertionError, match=message):
        testing.assert_same_for_num_workers(random)

    def stream(num_workers):
        return DataLoader(Numbers(), batch_size=4, num_workers=num_workers)

    with pytest.raises(AssertionError, match="the order differs between"):
        testing.assert_same_for_num_workers(stream, [0, 2])


def test_ranks_disjoint():
    def make(rank, world_size):
        sampler = DistributedSampler(range(41), world_size, rank)
        return DataLoader(range(41), batch_size=4, sampler=sampler)

    testing.assert_ranks_disjoint(make, world_size=3)
    message = "ranks 0 and 1 share 40 of 40 samples of an epoch; in all, 40"
    with pytest.raises(AssertionError, match=message):
        testing.assert_ranks_disjoint(
            lambda rank, world_size: DataLoader(range(40), shuffle=True)
        )


class Fails(Noisy):
    def __getitem__(self, index):
        return [][index]


def test_error_of_the_loader_is_shown():
    for assertion in (testing.assert_no_duplicates, testing.assert_covers):
        with pytest.raises(RuntimeError, match=r"could not be read(.|\n)*IndexError"):
            assertion(loads(Fails()))


class Waits(Noisy):
    def __getitem__(self, index):
        torch.futures.Future().wait()


def test_time_limit_is_named():
    with pytest.raises(RuntimeError, match="more than 1 seconds; raise time_limit"):
        testing.assert_no_duplicates(loads(Waits()), time_limit=1)


@pytest.mark.parametrize("xdist", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_fixture_has_every_assertion(pytester, xdist):
    pytester.makepyfile("""
        from torch.utils.data import DataLoader

        def test_order(dejabatch):
            dejabatch.assert_covers(lambda: DataLoader(range(8)))

        def test_limit(dejabatch):
            assert dejabatch.assert_covers.keywords == {"time_limit": 7}
    """)
    options = ("-p", "no:cacheprovider")
    limit = "--dejabatch-time-limit=7"
    done = pytester.runpytest_subprocess(*options, *xdist, limit)
    done.assert_outcomes(passed=2)


def test_plugin_imports_nothing_heavy(pytester):
    pytester.makeconftest("""
        import sys

        def pytest_sessionfinish():
            assert not {"torch", "numpy"} & sys.modules.keys()
    """)
    pytester.makepyfile("def test_nothing(): pass")
    options = ("-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
