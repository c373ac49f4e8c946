"""Files whose offset a worker changes are found by their path in the dataset."""

import multiprocessing
import os
import sys

import pytest

from dejabatch.state import open_files
from dejabatch.state.open_files import Positions, holds_lock, offsets

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/fd")


class Dataset:
    def __init__(self, **attributes):
        vars(self).update(attributes)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    with path.open("r+b", buffering=0) as file:
        yield file


@pytest.mark.parametrize("folders", [open_files._FOLDERS, ("/dev/fd",)])
def test_offsets_are_those_of_open_files(folders, file, monkeypatch):
    monkeypatch.setattr(open_files, "_FOLDERS", folders)
    file.seek(3)
    assert offsets()[file.fileno()] == 3
    device = os.open(os.devnull, os.O_RDONLY)
    try:
        assert device not in offsets()
    finally:
        os.close(device)


def test_file_that_is_read_elsewhere_is_found_even_if_it_is_put_back(file):
    positions = Positions()
    positions.look()
    dataset = Dataset(file=file)
    assert positions.moved(dataset) == ()
    file.read(4)  # a forked worker shares the offset
    positions.look()
    file.seek(0)
    positions.look()
    assert positions.moved(dataset) == ("dataset.file",)


def test_file_out_of_reach_or_open_for_writing_alone_is_left_out(file, tmp_path):
    with (tmp_path / "log").open("wb", buffering=0) as log:
        positions = Positions()
        log.write(b"line")
        file.read(4)
        positions.look()
        assert positions.moved(Dataset(file=log)) == ()


def test_lock_of_multiprocessing_is_found():
    lock = multiprocessing.get_context("fork").Lock()
    assert holds_lock(Dataset(nested=[lock]))
    assert not holds_lock(Dataset(nested=[1]))
