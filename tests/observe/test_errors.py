"""An exception and a death are described with their index, worker and lines."""

import os
import signal
from functools import partial

import pytest
from torch.utils.data import DataLoader, Dataset, Subset

from dejabatch.observe.errors import how_it_died
from dejabatch.observe.record import MAIN_PROCESS
from dejabatch.observe.spy import observe


def decode(index):
    if index == 13:
        msg = f"cannot decode {index}\nbecause"
        raise ValueError(msg)
    return float(index)


class Photographs(Dataset):
    def __init__(self, decode=decode):
        self.decode = decode

    def __len__(self):
        return 20

    def __getitem__(self, number):
        return self.decode(number)


class AllAtOnce(Photographs):
    def __getitems__(self, numbers):
        return [decode(number) for number in numbers]


class PoppedLabels(Photographs):
    def __init__(self):
        self.rows = [{"label": label} for label in range(20)]

    def __getitem__(self, number):
        return self.rows[number].pop("label")


class NeedsTwoArguments(Exception):
    def __init__(self, one, other):
        super().__init__(one, other)


def raise_own(index):
    if index == 13:
        raise NeedsTwoArguments(1, 2)
    return index


def die(index, signal_number):
    if index == 13:
        os.kill(os.getpid(), signal_number)
    return index


def refuse_thirteen(samples):
    return [decode(sample) for sample in samples]


def sampler():
    yield from range(8)
    msg = "no ninth"
    raise LookupError(msg)


def ended(dataset, **options):
    loader = DataLoader(dataset, **{"batch_size": 4} | options)
    return observe(lambda: loader, time_limit=30).ended


WORKERS = pytest.mark.parametrize("num_workers", [0, 2])


@WORKERS
def test_exception_has_index_worker_and_the_users_lines(num_workers):
    end = ended(Photographs(), num_workers=num_workers)
    assert (end.reason, end.error) == ("raised", "ValueError: cannot decode 13")
    assert (end.epoch, end.batch, end.index, end.where) == (0, 3, 13, "dataset")
    assert end.worker == (1 if num_workers else MAIN_PROCESS)
    assert "in test_exception_has" not in end.traceback
    getitem, raising = end.lines
    assert getitem.endswith(" in __getitem__: return self.decode(number)")
    assert raising.partition(":")[0].endswith("test_errors.py")


@WORKERS
def test_exception_of_a_later_epoch(num_workers):
    end = ended(
        PoppedLabels(), num_workers=num_workers, persistent_workers=num_workers > 0
    )
    assert (end.error, end.epoch, end.batch) == ("KeyError: 'label'", 1, 0)
    assert end.index == 0


def test_subset_is_asked_for_its_own_index():
    end = ended(Subset(Photographs(), [1, 2, 3, 13]), batch_size=2)
    assert (end.batch, end.index) == (1, 3)


def test_index_is_unknown_where_the_dataset_is_asked_for_several():
    assert ended(AllAtOnce()).index is None


@WORKERS
def test_exception_of_collate_fn(num_workers):
    end = ended(range(20), collate_fn=refuse_thirteen, num_workers=num_workers)
    assert (end.where, end.index, end.batch) == ("collate_fn", None, 3)


@WORKERS
def test_exception_of_the_sampler(num_workers):
    end = ended(range(20), sampler=sampler(), num_workers=num_workers)
    assert (end.error, end.where) == ("LookupError: no ninth", "batch_sampler")
    assert end.worker == MAIN_PROCESS


def test_exception_of_worker_init_fn():
    init = partial(die, signal_number="no number")
    end = ended(range(20), worker_init_fn=lambda w: init(13), num_workers=1)
    assert (end.where, end.worker) == ("worker_init_fn", 0)


def test_exception_that_torch_cannot_make_again():
    end = ended(Photographs(raise_own), num_workers=2)
    assert end.error.endswith("NeedsTwoArguments: (1, 2)")
    assert end.index == 13


def test_spawned_workers_describe_their_exceptions():
    end = ended(Photographs(), num_workers=1, multiprocessing_context="spawn")
    assert (end.index, end.worker, len(end.lines)) == (13, 0, 2)


def test_death_of_a_worker():
    kill = partial(die, signal_number=signal.SIGKILL)
    end = ended(Photographs(kill), num_workers=2)
    assert (end.reason, end.error) == ("worker died", "killed by SIGKILL")
    assert (end.epoch, end.worker) == (0, 1)


def test_death_of_the_process_that_reads():
    kill = partial(die, signal_number=signal.SIGKILL)
    end = ended(Photographs(kill))
    assert (end.reason, end.error) == ("died", "killed by SIGKILL")
    assert (end.epoch, end.batch) == (0, 3)


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (3, "exit code 3"),
        (-9, "killed by SIGKILL"),
        (-40, "killed by signal 40"),
        (None, "unknown exit code"),
    ],
)
def test_how_it_died(exit_code, said):
    assert how_it_died(exit_code) == said


def test_loader_that_is_read_to_its_end():
    assert ended(range(20)) is None
