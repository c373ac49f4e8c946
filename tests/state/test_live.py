"""An object that a forked process cannot use is named by its path; others are not."""

import asyncio
import concurrent.futures
import http.client
import multiprocessing
import queue
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import torch

from dejabatch.observe.isolate import run_isolated
from dejabatch.state.live import forks_break, held_by, listed, parts_of

FORK = multiprocessing.get_context("fork")


class Dataset:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class OnDevice(torch.Tensor):
    """A tensor that says that it is on a device, for machines that have none."""

    @staticmethod
    def __new__(cls):
        return torch.Tensor._make_wrapper_subclass(cls, (2,), device="cuda")

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), options=None):
        raise NotImplementedError


def kind_of(value):
    found = held_by({"dataset": Dataset(nested=[value])}).live
    assert all(one.path.startswith("dataset.nested[0]") for one in found)
    return [one.kind for one in found]


@pytest.fixture
def connection():
    one, other = socket.socketpair()
    with one, other:
        yield one


def test_connection_is_named(connection):
    assert kind_of(connection) == ["an open connection"]
    connection.close()
    assert kind_of(connection) == []


def test_tls_connection_is_named(connection):
    context = ssl.create_default_context()
    with context.wrap_socket(
        connection, server_hostname="example", do_handshake_on_connect=False
    ) as encrypted:
        assert kind_of(encrypted) == ["an open TLS connection"]
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    encrypted = context.wrap_bio(incoming, outgoing, server_hostname="example")
    assert kind_of(encrypted) == ["an open TLS connection"]


def test_connection_that_can_be_opened_again_is_closed_in_the_child(connection):
    client = http.client.HTTPConnection("example")
    client.sock = connection
    held = held_by({"dataset": Dataset(client=client)})
    assert held.live == ()
    held.renew()
    assert client.sock is None


def test_socket_without_a_peer_is_not_named():
    with socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        assert kind_of(one) == kind_of(other) == []


def test_running_thread_is_named():
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    assert kind_of(thread) == []
    thread.start()
    try:
        assert kind_of(thread) == ["a running thread"]
    finally:
        release.set()
        thread.join()
    assert kind_of([thread, threading.current_thread()]) == []


def test_pool_of_threads_is_named_once_it_runs():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert kind_of(pool) == []
        pool.submit(int).result()
        assert kind_of(pool) == ["a running thread"]


def test_event_loop_is_named():
    loop = asyncio.new_event_loop()
    try:
        assert kind_of(loop) == ["an event loop"]
    finally:
        loop.close()
    assert kind_of(loop) == []


@pytest.mark.parametrize("make", [FORK.Queue, FORK.SimpleQueue, FORK.JoinableQueue])
def test_queue_between_processes_is_named_once(make):
    made = make()
    assert kind_of(made) == ["a queue between processes"]
    made.close()


def test_pipe_between_processes_is_named():
    one, other = FORK.Pipe()
    with one, other:
        assert kind_of(one) == ["a pipe between processes"]
    assert kind_of(one) == []


def test_manager_and_its_objects_are_named():
    with FORK.Manager() as manager:
        assert kind_of(manager) == ["a manager process"]
        assert kind_of(manager.list()) == ["an object of another process"]


def test_database_is_named():
    database = sqlite3.connect(":memory:")
    assert kind_of(database) == ["an open database connection"]
    database.close()


def test_lmdb_with_locks_is_named(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path)) as database:
        assert kind_of(database) == ["an LMDB environment that was opened with locks"]
    assert kind_of(database) == []
    with lmdb.open(str(tmp_path), readonly=True, lock=False) as database:
        assert kind_of(database) == []


class OwnDatabase:
    """A class of the user's own, which may open its file late."""

    def cursor(self):
        return None

    commit = cursor


def test_running_program_with_a_pipe_is_named():
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    ) as program:
        assert kind_of(program) == ["a running program"]
        program.communicate(b"\n")
        assert kind_of(program) == []


def test_tensor_on_a_device_is_named():
    assert kind_of(OnDevice()) == ["on a cuda device"]


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, device="meta"),
        torch.Generator(),
        np.zeros(2),
        queue.Queue(),
        FORK.Lock(),
        FORK.Value("i"),
        FORK.Event(),
        threading.Lock(),
        OwnDatabase(),
        open,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_fork_can_use_is_not_named(value):
    assert kind_of(value) == []


def test_lock_that_another_thread_holds_is_freed_in_the_child():
    lock, held, release = threading.Lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            release.wait()

    def take_in_a_child(found):
        def take(send):
            found.renew()
            send(lock.acquire(timeout=5))

        return run_isolated(take, 30).sent

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    found = held_by({"dataset": Dataset(lock=lock)})
    taken, still_held = take_in_a_child(found), lock.locked()
    release.set()
    thread.join()
    assert found.locks == (lock,)
    assert taken == [True]
    assert still_held
    assert held_by({"dataset": Dataset(lock=lock)}).locks == ()


def test_only_the_parts_that_make_batches_are_looked_at(connection):
    loader = torch.utils.data.DataLoader([1])
    loader.__dict__["_iterator"] = connection
    assert held_by(parts_of(loader)).live == ()
    assert [one.path for one in held_by(parts_of([connection])).live] == ["loader[0]"]


def test_list_of_live_objects_is_short():
    pairs = [socket.socketpair() for _ in range(3)]
    found = held_by({"dataset": Dataset(pairs=pairs)}).live
    text = listed(found)
    for pair in pairs:
        for one in pair:
            one.close()
    assert text.startswith("dataset.pairs[0][0] is an open connection, dataset.")
    assert text.endswith("3 more are like that")


@pytest.mark.parametrize("connected", [False, True])
def test_program_connected_to_ray_is_not_forked(connected, monkeypatch):
    monkeypatch.delitem(sys.modules, "polars", raising=False)
    ray = types.ModuleType("ray")
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert not forks_break()  # a module of the program has this name
    ray.is_initialized = lambda: connected
    assert forks_break() == connected


def test_program_that_has_imported_polars_is_not_forked(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", types.ModuleType("polars"))
    assert forks_break()
    monkeypatch.delitem(sys.modules, "polars")
    assert not forks_break()
