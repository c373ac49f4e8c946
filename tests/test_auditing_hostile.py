"""Whatever a loader does, `audit` gives a report or one clear error, and leaves no trace."""

import collections
import dataclasses
import itertools
import os
import threading
import time

import numpy as np
import PIL.Image
import pytest
import torch
from green_runs import slow_audit
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
from traces import nothing_is_left

from dejabatch import audit

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Record:
    x: int


class NoEquality:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        raise TypeError

    __hash__ = None


class Samples(Dataset):
    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return self.make(index)


SAMPLES = {
    "None": lambda i: None,
    "str": str,
    "bytes": lambda i: bytes([i]),
    "dict": lambda i: {"x": i, "nested": {"y": [i]}},
    "dataclass": Record,
    "namedtuple": lambda i: Point(i, -i),
    "PIL image": lambda i: PIL.Image.new("L", (i + 1, 3), i),
    "ragged lists": lambda i: [[i] * i, [i]],
    "sparse": lambda i: torch.eye(2).to_sparse() * i,
    "complex": lambda i: torch.tensor([1j]) * i,
    "foreign byte order": lambda i: np.array([i], ">i2"),
    "long double": lambda i: np.array([i], np.longdouble),
    "bfloat16": lambda i: torch.ones(2, dtype=torch.bfloat16) * i,
    "0-d": torch.tensor,
    "zero-size": lambda i: torch.zeros(0, i + 1),
    "non-contiguous": lambda i: torch.full((4, 3), float(i)).T[::2],
    "expanded": lambda i: torch.tensor([float(i)]).expand(5),
    "no equality": NoEquality,
    "generator": lambda i: (n for n in range(i)),
    "NaN": lambda i: (float("nan"), i),
    "lock": lambda i: threading.Lock(),
    "array of objects": lambda i: np.array([i, "a", None], dtype=object),
}


class ExitsInWorker(Samples):
    def __getitem__(self, index):
        # The first batches were read before a worker is told to load the last sample.
        if index == 5 and get_worker_info() is not None:
            os._exit(7)
        return index


class RaisesInWorker(Samples):
    def __getitem__(self, index):
        if get_worker_info() is not None:
            raise OSError(index)
        return index


class RaisesAtOnce(Dataset):
    def __init__(self):
        raise OSError(2)


class Infinite(IterableDataset):
    def __iter__(self):
        yield from itertools.count()


class NoLength(Samples):
    __len__ = None


class Locked(Samples):
    def __setattr__(self, name, value):
        if name != "make":
            raise AttributeError(name)
        super().__setattr__(name, value)


class EndlessSampler:
    def __iter__(self):
        yield from itertools.cycle(range(6))


class OddIndices:
    def __iter__(self):
        yield from ["a", "b"]


def write_dataset(worker_id):
    info = get_worker_info()
    info.dataset.make = lambda index: (info.id, index)


def same(index):
    return index


@pytest.fixture(autouse=True)
def no_trace():
    threads = threading.enumerate()
    with nothing_is_left():
        yield
    assert threading.enumerate() == threads


# Workers send digests, whatever the samples are.
@pytest.mark.parametrize("num_workers", [0, pytest.param(2, marks=slow_audit)])
@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_any_sample_can_be_read(make, num_workers):
    loader = DataLoader(
        Samples(make), batch_size=2, num_workers=num_workers, collate_fn=list
    )
    report = audit(loader)
    assert report.observation.error is None
    assert len(report.observation.fetches) == 6
    # A sample that is the same for every index is one for None alone; of a generator
    # and a lock nothing can be said.
    assert report.ok == (make is not SAMPLES["None"])
    opaque = report.observation.opaque_types
    assert bool(opaque) == (make in (SAMPLES["generator"], SAMPLES["lock"]))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_sample_that_the_loader_cannot_collate_is_the_loaders_error(num_workers):
    loader = DataLoader(Samples(SAMPLES["None"]), num_workers=num_workers)
    with pytest.raises(RuntimeError, match=r"loader: .*(.|\n)*default_collate"):
        audit(loader)


def test_worker_that_exits_is_told():
    report = audit(DataLoader(ExitsInWorker(None), num_workers=2))
    assert "died with exit code 7 after " in report.incomplete


def test_dataset_that_raises_in_workers_only_is_told():
    with pytest.raises(RuntimeError, match=r"loader: .*(.|\n)*OSError: 0"):
        audit(DataLoader(RaisesInWorker(None), num_workers=2))
    assert audit(DataLoader(RaisesInWorker(None))).ok


def test_function_that_cannot_make_its_dataset_is_told():
    with pytest.raises(RuntimeError, match=r"loader: .*(.|\n)*OSError: 2"):
        audit(lambda: DataLoader(RaisesAtOnce()))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_infinite_stream_and_sampler_end(num_workers):
    stream = audit(DataLoader(Infinite(), num_workers=num_workers), max_batches=5)
    assert len(stream.observation.fetches) == 10
    endless = DataLoader(
        Samples(same), sampler=EndlessSampler(), num_workers=num_workers
    )
    assert len(audit(endless, max_batches=5).observation.fetches) == 10


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("length", [0, 1])
def test_empty_and_single_sample_loaders(length, num_workers):
    report = audit(DataLoader(list(range(length)), num_workers=num_workers))
    assert report.ok == (length > 0)
    assert len(report.observation.fetches) == 2 * length
    assert f"in 2 epochs of {length} sample" in str(report)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": None},
        {"batch_sampler": [[0, 1], [2]]},
        {"sampler": OddIndices()},
        {"sampler": OddIndices(), "batch_size": None},
        {"timeout": 20},
        {"in_order": False},
        {"drop_last": True, "batch_size": 4},
    ],
    ids=" ".join,
)
def test_any_options(options, num_workers):
    if num_workers == 0 and "timeout" in options:
        options = {}
    report = audit(DataLoader(Samples(same), num_workers=num_workers, **options))
    assert report.observation.error is None
    assert report.observation.fetches


class RaisesForUnknownNames(Samples):
    def __getattr__(self, name):
        raise KeyError(name)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_dataset_that_raises_for_unknown_names(num_workers):
    # torch itself asks for __getitems__ if it makes batches.
    dataset = RaisesForUnknownNames(same)
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
    assert audit(loader).observation.error is None


def test_dataset_without_length():
    report = audit(DataLoader(NoLength(same), sampler=[3, 1], num_workers=2))
    assert report.observation.error is None
    assert report.observation.facts.length is None


def test_worker_init_fn_that_writes_the_dataset():
    loader = DataLoader(Samples(same), num_workers=2, worker_init_fn=write_dataset)
    report = audit(loader)
    assert report.observation.error is None
    assert loader.dataset.make is same


def test_dataset_with_locked_attributes():
    assert audit(DataLoader(Locked(same), num_workers=2)).observation.error is None


def test_dataset_that_spawn_cannot_pickle_is_told():
    loader = DataLoader(
        Samples(lambda index: index), num_workers=2, multiprocessing_context="spawn"
    )
    with pytest.raises(RuntimeError, match=r"loader: .*(.|\n)*[Pp]ickle"):
        audit(loader)


@pytest.mark.parametrize(
    "method",
    [
        "fork",
        pytest.param("forkserver", marks=slow_audit),
        pytest.param("spawn", marks=slow_audit),
    ],
)
def test_hanging_worker_of_any_start_method_is_ended(method):
    loader = DataLoader(
        Sleepy(None), num_workers=2, multiprocessing_context=method, batch_size=1
    )
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="time_limit"):
        audit(loader, time_limit=3)
    assert time.monotonic() - started < 8


class Sleepy(Samples):
    def __getitem__(self, index):
        time.sleep(1000)


@pytest.mark.parametrize("progress", [None, True])
def test_program_without_stderr_gets_its_report(monkeypatch, progress):
    monkeypatch.setattr("sys.stderr", None)
    assert audit(DataLoader(range(16), batch_size=4), progress=progress).ok
