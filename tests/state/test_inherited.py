"""A forked child has its own connections, positions and shared memory."""

import ctypes
import mmap
import multiprocessing
import os
import pickle
import socket
import sys

import numpy as np
import pytest
import torch

from dejabatch.state import inherited
from dejabatch.state.inherited import (
    Inherited,
    inherited_by_children,
    replace_shared_memory,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self")


def in_child(act, replace=None):
    """Return what a function returns in a forked child after the replacement."""
    inherited_things = Inherited()
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            (replace or inherited_things.replace)()
            answer = act()
        except BaseException as error:  # noqa: BLE001 - the parent gets the error
            answer = repr(error)
        os.write(writing, pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pickle.load(pipe)
    os.wait()
    return answer


@pytest.fixture
def connection():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_connection_is_dead_in_the_child_and_alive_here(connection):
    one, other = connection
    other.send(b"answer")
    assert in_child(lambda: one.recv(6)) == b""
    assert "BrokenPipeError" in in_child(lambda: one.send(b"question"))
    assert one.recv(6) == b"answer"
    one.send(b"next")
    assert other.recv(8) == b"next"


def test_pipe_is_dead_in_the_child_and_alive_here():
    reading, writing = os.pipe()
    os.write(writing, b"answer")
    assert in_child(lambda: os.read(reading, 6)) == b""
    assert "BrokenPipeError" in in_child(lambda: os.write(writing, b"question"))
    assert os.read(reading, 6) == b"answer"
    os.close(reading)
    os.close(writing)


def test_copy_of_a_standard_stream_lives_in_the_child():
    reading, writing = os.pipe()
    with os.fdopen(os.dup(1), "w") as before:
        os.dup2(writing, 1)
        try:
            written = in_child(lambda: os.write(writing, b"text"))
        finally:
            os.dup2(before.fileno(), 1)
    assert written == 4
    assert os.read(reading, 4) == b"text"
    os.close(reading)
    os.close(writing)


def test_connection_that_the_child_opens_lives(connection):
    def talk():
        one, other = socket.socketpair()
        one.send(b"x")
        return other.recv(1)

    assert in_child(talk) == b"x"


def test_socket_without_a_peer_stays():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = listening.getsockname()
        assert in_child(listening.getsockname) == address


def test_position_of_a_file_is_the_childs_own(tmp_path):
    (tmp_path / "data").write_bytes(b"0123456789")
    with (tmp_path / "data").open("rb", buffering=0) as file:
        file.seek(3)
        assert in_child(lambda: file.read(4)) == b"3456"
        assert file.tell() == 3


def test_file_that_is_open_for_writing_is_a_copy(tmp_path):
    (tmp_path / "data").write_bytes(b"0123456789")
    with (tmp_path / "data").open("r+b", buffering=0) as file:
        file.seek(3)

        def change():
            file.write(b"xx")
            file.seek(0)
            return file.read()

        assert in_child(change) == b"012xx56789"
        assert file.tell() == 3
    assert (tmp_path / "data").read_bytes() == b"0123456789"


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_file_that_is_only_written_to_cannot_be_read_in_the_child(mode, tmp_path):
    (tmp_path / "log").write_bytes(b"before")
    with (tmp_path / "log").open(mode, buffering=0) as file:
        descriptor = file.fileno()
        assert "Bad file descriptor" in in_child(lambda: os.read(descriptor, 1))
        end = file.tell() + 5
        assert in_child(lambda: (file.write(b"child"), file.tell())) == (5, end)
        assert file.tell() == end - 5


def shared_tensor(_):
    tensor = torch.arange(8).share_memory_()
    return tensor.numpy()


def mapped_file(folder):
    np.arange(8).tofile(folder / "data")
    return np.memmap(folder / "data", mode="r+", dtype=np.int64)


def anonymous(_):
    array = np.frombuffer(mmap.mmap(-1, 64), np.int64)
    array[:] = np.arange(8)
    return array


def value(_):
    array = multiprocessing.get_context("fork").Array(ctypes.c_int64, range(8))
    return np.frombuffer(array.get_obj(), np.int64)


@pytest.mark.parametrize(
    ("make", "most_bytes"),
    [
        *((make, 2**28) for make in (shared_tensor, mapped_file, anonymous, value)),
        # Pages can be copied one by one only if there is a file.
        *((make, 0) for make in (shared_tensor, mapped_file, value)),
    ],
)
def test_shared_memory_is_the_childs_own(make, most_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(inherited, "_MOST_BYTES", most_bytes)
    array = make(tmp_path)

    def change():
        array[2] = 100
        return array.tolist()

    assert in_child(change, replace_shared_memory) == [0, 1, 100, 3, 4, 5, 6, 7]
    assert array.tolist() == list(range(8))


def test_processes_of_the_child_share_its_memory():
    array = shared_tensor(None)

    def change():
        if os.fork() == 0:
            array[2] = 100
            os._exit(0)
        os.wait()
        return int(array[2])

    assert in_child(change) == 100
    assert array[2] == 2


def test_lock_that_the_child_holds_is_free_here():
    lock = multiprocessing.get_context("fork").Lock()
    assert in_child(lock.acquire)
    assert lock.acquire(block=False)
    lock.release()


def test_connection_that_was_opened_for_the_child_lives():
    with inherited_by_children(socket.socketpair) as (one, other), one, other:
        other.send(b"x")
        assert in_child(lambda: one.recv(1), Inherited().replace) == b"x"


def test_number_that_was_another_descriptor_is_kept(connection):
    def make():
        connection[0].close()  # as garbage collection may
        return os.pipe()

    with inherited_by_children(make) as (reading, writing):
        os.write(writing, b"x")
        assert in_child(lambda: os.read(reading, 1)) == b"x"
    os.close(reading)
    os.close(writing)


def test_descriptor_that_is_closed_meanwhile_is_left_out(monkeypatch, connection):
    inherited_things = Inherited()
    is_connection = inherited._is_connection

    def close_all(descriptor, status):
        found = is_connection(descriptor, status)
        for one in connection:
            one.close()
        return found

    monkeypatch.setattr(inherited, "_is_connection", close_all)
    assert in_child(lambda: "ended", inherited_things.replace) == "ended"
