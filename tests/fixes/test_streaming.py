"""A sharded stream gives every item to one worker of one rank."""

import doctest
import itertools
import multiprocessing
import multiprocessing.context
import multiprocessing.forkserver
import pickle

import pytest
import torch
from simulated_workers import simulated_worker
from torch.utils.data import DataLoader, IterableDataset

import dejabatch.fixes.streaming
from dejabatch import audit, shard


def read(loader):
    return [int(item) for item in loader]


def read_by_worker(stream, num_workers, base_seed=0):
    """Return the items that each worker of one rank gets, without starting workers."""
    items = []
    for worker_id in range(num_workers):
        with simulated_worker(worker_id, num_workers, base_seed=base_seed):
            items.append(list(stream))
    return items


def test_examples():
    assert doctest.testmod(dejabatch.fixes.streaming).failed == 0


@pytest.mark.parametrize("shuffle_buffer", [None, 4])
@pytest.mark.parametrize("num_workers", [0, 1, 4])
@pytest.mark.parametrize("world_size", [1, 3])
def test_every_item_is_read_once(num_workers, world_size, shuffle_buffer, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", str(world_size))
    stream = shard(range(25), shuffle_buffer=shuffle_buffer)
    items = []
    for rank in range(world_size):
        monkeypatch.setenv("RANK", str(rank))
        parts = read_by_worker(stream, num_workers) if num_workers else [list(stream)]
        items += itertools.chain.from_iterable(parts)
    assert sorted(items) == list(range(25))


def test_real_workers_of_two_ranks_read_every_item_once(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    items = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        items.append(read(DataLoader(shard(range(8)), batch_size=None, num_workers=2)))
    assert items == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_worker_that_is_being_spawned_is_given_the_rank(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    stream = shard(range(8))
    monkeypatch.setattr(multiprocessing.context._tls, "spawning_popen", object(), False)
    for_worker = pickle.dumps(stream)
    monkeypatch.undo()
    for_later = pickle.dumps(stream)  # a copy on disk may be read by another rank
    assert list(pickle.loads(for_worker)) == [1, 3, 5, 7]
    assert list(pickle.loads(for_later)) == list(range(8))


def test_rank_reaches_workers_of_a_fork_server_that_started_before(monkeypatch):
    # Workers have the environment of the fork server, in which RANK is not set.
    multiprocessing.forkserver.ensure_running()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    loader = DataLoader(
        shard(range(8)),
        batch_size=None,
        num_workers=1,
        multiprocessing_context="forkserver",
    )
    assert read(loader) == [1, 3, 5, 7]


def test_shuffle_depends_on_the_random_state_of_the_worker():
    stream = shard(range(60), shuffle_buffer=20)
    one_epoch = read_by_worker(stream, 2, base_seed=1)
    assert read_by_worker(stream, 2, base_seed=1) == one_epoch
    next_epoch = read_by_worker(stream, 2, base_seed=2)
    for worker in range(2):
        assert sorted(one_epoch[worker]) == sorted(next_epoch[worker])
        assert one_epoch[worker][:8] != next_epoch[worker][:8]
        assert one_epoch[worker] != sorted(one_epoch[worker])
    assert [i - 1 for i in one_epoch[1]] != one_epoch[0]


@pytest.mark.parametrize("persistent", [False, True])
def test_shuffled_epochs_of_real_workers_differ_and_runs_repeat(persistent):
    def read_epochs():
        torch.manual_seed(0)
        loader = DataLoader(
            shard(range(60), shuffle_buffer=20),
            batch_size=None,
            num_workers=1,
            persistent_workers=persistent,
        )
        return [read(loader) for _ in range(2)]

    first, second = read_epochs()
    assert first != second
    assert read_epochs() == [first, second]


class Lines(IterableDataset):
    """The numbers in files, of which each worker reads its own."""

    def __init__(self, files):
        self.files = shard(files)

    def __iter__(self):
        for file in self.files:
            with file.open() as lines:
                yield from map(int, lines)


def test_file_names_can_be_sharded_inside_another_dataset(tmp_path):
    files = [tmp_path / f"{i}.txt" for i in range(5)]
    for i, file in enumerate(files):
        file.write_text(f"{2 * i}\n{2 * i + 1}\n")
    assert read_by_worker(Lines(files), 2) == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7]]


def test_audit_finds_nothing():
    loader = DataLoader(shard(range(40), shuffle_buffer=8), 4, num_workers=2)
    report = audit(loader)
    assert not report.findings, str(report)


def test_worker_without_items_warns(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.warns(RuntimeWarning, match="worker 0 of rank 1 gets no items"):
        assert list(shard(range(1))) == []


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="iterable must support several passes"):
        shard(iter([1, 2]))
    with pytest.raises(TypeError, match="not int"):
        shard(3)
    for size in (0, 1, 2.5, -3):
        with pytest.raises(
            ValueError, match="shuffle_buffer must be None or an integer"
        ):
            shard([1], shuffle_buffer=size)
