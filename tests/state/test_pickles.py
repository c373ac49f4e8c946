"""Objects reach a process that shares no memory, or the attribute in the way is named."""

import functools
import sys
import threading
import types

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from dejabatch.state import pickles
from dejabatch.state.pickles import Packed, StoppedIterator, Unpicklable


class Holder:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_generators_of_the_program_come_along():
    np.random.seed(3)
    packed = Packed.of(Holder(value=1))
    expected = np.random.random()
    np.random.seed(4)
    assert packed.open().value == 1
    assert np.random.random() == expected


def test_tensor_in_shared_memory_is_copied():
    tensor = torch.zeros(3).share_memory_()
    copy = Packed.of(tensor).open()
    copy += 1
    assert tensor.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("size", "shared"), [(1, True), (1_000_000, False)])
def test_number_that_workers_share_is_shared_by_the_copies_workers(size, shared):
    dataset = Holder(epoch=torch.zeros(size).share_memory_())
    dataset.same = dataset.epoch
    copy = Packed.of(dataset).open()
    assert copy.epoch.is_shared() is shared
    assert copy.same is copy.epoch


def test_function_without_a_name_is_sent_as_code():
    offset = 5
    assert Packed.of(lambda x: x + offset).open()(1) == 6


@pytest.mark.parametrize("persistent", [False, True])
def test_running_iterator_stays_here(persistent):
    loader = DataLoader(
        TensorDataset(torch.arange(4)), num_workers=1, persistent_workers=persistent
    )
    loader.__dict__["own"] = iter(loader)
    copy = Packed.of(loader).open()
    assert isinstance(copy.__dict__["own"], StoppedIterator)
    assert isinstance(copy._iterator, StoppedIterator) is persistent
    assert len(list(loader.__dict__["own"])) == 4


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Holder(transforms=[len, {"lock": threading.Lock()}]), "[1]['lock']"),
        (functools.partial(Holder, Holder(lock=threading.Lock())), ""),
    ],
)
def test_attribute_in_the_way_is_named(value, path):
    with pytest.raises(Unpicklable, match="it cannot be pickled") as error:
        Packed.of(value, "loader")
    where = "loader.transforms" if path else "loader"
    assert str(error.value).startswith(f"{where}{path}: ")


def test_class_of_a_notebook_is_sent_as_code(monkeypatch):
    notebook = types.ModuleType("__main__")
    exec("class Cell:\n    def __call__(self): return 7\n", vars(notebook))  # noqa: S102 - as a notebook does
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    packed = Packed.of(notebook.Cell())
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    assert packed.open()() == 7


def test_module_that_is_imported_is_named_by_reference():
    assert b"lambda" not in Packed.of(pickles.Packed).content
    assert Packed.of(pickles.Packed).open() is pickles.Packed
