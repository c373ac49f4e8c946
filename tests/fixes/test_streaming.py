"""Every item of a stream is read once, whatever reads it."""

import doctest

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

import dejabatch.fixes.streaming
from dejabatch import audit, shard


def read(loader):
    return [int(item) for item in loader]


def test_examples():
    assert doctest.testmod(dejabatch.fixes.streaming).failed == 0


@pytest.mark.parametrize("shuffle_buffer", [None, 4])
@pytest.mark.parametrize("num_workers", [0, 1, 2, 4])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_every_item_is_read_once(num_workers, world_size, shuffle_buffer, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", str(world_size))
    items = []
    for rank in range(world_size):
        monkeypatch.setenv("RANK", str(rank))
        stream = shard(range(25), shuffle_buffer=shuffle_buffer)
        loader = DataLoader(stream, batch_size=None, num_workers=num_workers)
        items += read(loader)
    assert sorted(items) == list(range(25))


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_rank_is_known_to_other_workers(method, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    loader = DataLoader(
        shard(range(8)),
        batch_size=None,
        num_workers=1,
        multiprocessing_context=method,
    )
    assert read(loader) == [1, 3, 5, 7]


@pytest.mark.parametrize("persistent", [False, True])
def test_shuffled_epochs_differ_and_runs_repeat(persistent):
    def epochs():
        torch.manual_seed(0)
        loader = DataLoader(
            shard(range(60), shuffle_buffer=20),
            batch_size=None,
            num_workers=2,
            persistent_workers=persistent,
        )
        return [read(loader) for _ in range(3)]

    first, second, third = epochs()
    assert sorted(first) == sorted(second) == list(range(60))
    assert first != second != third
    assert first != list(range(60))
    assert epochs() == [first, second, third]


class Lines(IterableDataset):
    """Reads files of which it shards the names."""

    def __init__(self, files):
        self.files = shard(files)

    def __iter__(self):
        for file in self.files:
            with file.open() as lines:
                yield from map(int, lines)


def test_names_of_files_can_be_sharded_inside_another_dataset(tmp_path):
    files = [tmp_path / f"{i}.txt" for i in range(5)]
    for i, file in enumerate(files):
        file.write_text(f"{2 * i}\n{2 * i + 1}\n")
    loader = DataLoader(Lines(files), batch_size=None, num_workers=2)
    assert sorted(read(loader)) == list(range(10))
    assert audit(loader).ok


def test_audit_finds_nothing():
    loader = DataLoader(shard(range(40), shuffle_buffer=8), 4, num_workers=2)
    report = audit(loader)
    assert not report.findings, str(report)


def test_worker_with_nothing_warns():
    stream = shard(range(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORLD_SIZE", "2")
        patch.setenv("RANK", "1")
        with pytest.warns(RuntimeWarning, match="worker 0 of rank 1 gets nothing"):
            assert list(stream) == []


def test_bad_arguments_are_named():
    with pytest.raises(
        TypeError, match="iterable must be one that can be iterated again"
    ):
        shard(iter([1, 2]))
    with pytest.raises(TypeError, match="not int"):
        shard(3)
    for size in (0, 1, 2.5, -3):
        with pytest.raises(
            ValueError, match="shuffle_buffer must be None or an integer"
        ):
            shard([1], shuffle_buffer=size)
