"""Files are as they were, whatever a child process writes."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch

from dejabatch.state import written_files
from dejabatch.state.written_files import WrittenFiles


def undone(act):
    """Run a function in a watched child, and return what could not be undone."""
    files = WrittenFiles()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            files.watch()
            act()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    left = files.undo()
    assert not Path(files.folder).exists()
    return left


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "old").write_text("old")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "inside").write_text("inside")
    np.arange(8).tofile(tmp_path / "array")
    with sqlite3.connect(tmp_path / "database") as database:
        database.execute("create table samples(number)")
    database.close()
    return tmp_path


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def write(path):
    (path / "old").write_text("new")


def write_in_place(path):
    with (path / "old").open("r+") as file:
        file.write("n")


def create(path):
    (path / "cache").mkdir()
    (path / "cache" / "0").write_text("sample")


def replace(path):
    (path / "old.new").write_text("new")
    (path / "old.new").replace(path / "old")


def remove(path):
    (path / "old").unlink()


def move(path):
    (path / "old").rename(path / "new")


def move_folder(path):
    (path / "full").rename(path / "moved")


def truncate(path):
    os.truncate(path / "old", 1)


def link(path):
    (path / "link").symlink_to(path / "old")


def map_late(path):
    np.memmap(path / "array", mode="r+", dtype=np.int64)[:] = 7


def insert(path):
    with sqlite3.connect(path / "database") as database:
        database.execute("insert into samples values (1)")
    database.close()


def save_tensor(path):
    torch.save(torch.zeros(2), path / "tensor.pt")


def fork_and_write(path):
    child = os.fork()
    if child == 0:
        write(path)
        create(path)
        os._exit(0)
    os.waitpid(child, 0)


CHANGES = [
    *(write, write_in_place, create, replace, remove, move, move_folder, truncate),
    *(link, map_late, insert, save_tensor, fork_and_write),
]


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_undone(change, folder):
    before = content(folder)
    inode = (folder / "old").stat().st_ino
    time = (folder / "old").stat().st_mtime_ns

    def change_really():
        change(folder)
        assert content(folder) != before

    assert undone(change_really) == ()
    assert content(folder) == before
    assert (folder / "old").stat().st_mtime_ns == time
    if change not in {replace, remove}:
        assert (folder / "old").stat().st_ino == inode


def test_file_that_is_appended_to_is_named(folder):
    def append():
        with (folder / "old").open("a") as file:
            file.write("more")

    assert undone(append) == (str(folder / "old"),)
    assert (folder / "old").read_text() == "oldmore"


def test_file_that_is_too_large_for_a_copy_is_named_or_mapped_privately(
    folder, monkeypatch
):
    monkeypatch.setattr(written_files, "_MOST_BYTES", 2)
    before = content(folder)["array"]
    assert undone(lambda: map_late(folder)) == ()
    assert content(folder)["array"] == before
    assert undone(lambda: write(folder)) == (str(folder / "old"),)


def test_file_that_is_read_is_left_alone(folder):
    before = (folder / "old").stat()
    assert undone((folder / "old").read_text) == ()
    after = (folder / "old").stat()
    # Reading a file may set its time of access.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_file_of_a_killed_writer_is_restored(folder):
    before = content(folder)

    def write_half():
        if os.fork() == 0:
            with (folder / "old").open("w") as file:
                file.write("half")
                file.flush()
                os.kill(os.getpid(), 9)
        os.wait()

    assert undone(write_half) == ()
    assert content(folder) == before
