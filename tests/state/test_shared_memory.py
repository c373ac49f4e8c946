"""Shared memory is restored, whatever part of it a dataset holds."""

import ctypes
import multiprocessing.sharedctypes

import numpy as np
import pytest
import torch

from dejabatch.state import shared_memory
from dejabatch.state.shared_memory import SharedMemory


def shared_tensor():
    return torch.arange(8).share_memory_()


def mapped_file(tmp_path, mode="r+"):
    np.arange(8).tofile(tmp_path / "data")
    return np.memmap(tmp_path / "data", mode=mode, dtype=np.int64)


def test_shared_tensor_is_restored_as_a_whole():
    tensor = shared_tensor()
    snapshot = SharedMemory({"dataset": [tensor[3:5]]})
    tensor.fill_(1)
    snapshot.restore()
    assert tensor.tolist() == list(range(8))


def test_mapped_file_is_restored_as_a_whole(tmp_path):
    array = mapped_file(tmp_path)
    snapshot = SharedMemory({"dataset": [array[::2]]})
    array[:] = 1
    snapshot.restore()
    assert array.tolist() == list(range(8))


def test_array_of_multiprocessing_is_restored():
    raw = multiprocessing.sharedctypes.RawArray(ctypes.c_int64, 8)
    array = np.frombuffer(raw, np.int64)
    snapshot = SharedMemory({"dataset": array})
    array[:] = 1
    snapshot.restore()
    assert array.tolist() == [0] * 8


def test_private_memory_is_not_restored():
    tensor, array = torch.arange(8), np.arange(8)
    snapshot = SharedMemory({"dataset": [tensor, array]})
    tensor.fill_(1)
    array.fill(1)
    snapshot.restore()
    assert tensor.tolist() == array.tolist() == [1] * 8


def test_file_that_is_mapped_for_reading_is_left_alone(tmp_path):
    snapshot = SharedMemory({"dataset": mapped_file(tmp_path, "r")})
    assert snapshot._copies == []


def test_blocks_beyond_the_limit_are_left_out(monkeypatch):
    monkeypatch.setattr(shared_memory, "_MOST_BYTES", 64 + 8)
    small, large = shared_tensor(), torch.arange(9).share_memory_()
    snapshot = SharedMemory({"dataset": [large, small]})
    small.fill_(1)
    large.fill_(1)
    snapshot.restore()
    assert small.tolist() == list(range(8))
    assert large.tolist() == [1] * 9


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_blocks_that_have_not_changed_are_not_written(tmp_path, mode):
    array = mapped_file(tmp_path, mode)
    snapshot = SharedMemory({"dataset": array})
    array.flags.writeable = False
    snapshot.restore()
