"""After an audit, the program has what it had: connections, locks, files and values."""

import atexit
import http.client
import http.server
import importlib
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from green_runs import slow_audit
from torch.utils.data import DataLoader, Dataset, get_worker_info
from traces import nothing_is_left

from dejabatch import audit, compare
from dejabatch.observe.spy import observe
from dejabatch.state.inherited import inherited_by_children

FORK = multiprocessing.get_context("fork")


class Samples(Dataset):
    def __init__(self, make, **attributes):
        self.make = make
        vars(self).update(attributes)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.make(self, index)


@pytest.fixture(autouse=True)
def no_trace():
    with nothing_is_left():
        yield


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.server_address
        running.shutdown()
        thread.join()


def ask_for(dataset, index):
    dataset.client.request("GET", f"/{index}")
    return int(dataset.client.getresponse().read()[1:])


def test_http_connection_goes_on_as_before(server):
    dataset = Samples(ask_for, client=http.client.HTTPConnection(*server))
    assert dataset[3] == 3
    connection = dataset.client.sock
    report = audit(DataLoader(dataset, batch_size=4))
    assert report.observation.error is None
    assert [dataset[index] for index in range(8)] == list(range(8))
    assert dataset.client.sock is connection
    dataset.client.close()


def ask_on_own_connection(dataset, index):
    if get_worker_info() is not None and not hasattr(dataset, "own"):
        dataset.own = http.client.HTTPConnection(
            dataset.client.host, dataset.client.port
        )
    connection = getattr(dataset, "own", dataset.client)
    connection.request("GET", f"/{index}")
    return int(connection.getresponse().read()[1:])


def two_workers(server, ask):
    client = http.client.HTTPConnection(*server)
    client.connect()
    return DataLoader(Samples(ask, client=client), batch_size=2, num_workers=2)


def test_connection_that_workers_share_is_named(server):
    loader = two_workers(server, ask_for)
    report = audit(loader, checks=["file-opened-before-fork"])
    assert [finding.where for finding in report.findings] == ["dataset.client"]
    assert report.observation.error is None
    loader.dataset.client.close()


@slow_audit
@pytest.mark.parametrize(
    ("ask", "slugs"),
    [(ask_for, ["file-opened-before-fork"]), (ask_on_own_connection, [])],
)
def test_connection_of_a_function_that_workers_share_is_named(ask, slugs, server):
    report = audit(lambda: two_workers(server, ask))
    assert [finding.slug for finding in report.findings] == slugs
    assert report.observation.error is None


def refuse_to_run(dataset, index):
    raise AssertionError


@pytest.fixture
def connected():
    one, other = socket.socketpair()
    with one, other:
        yield DataLoader(Samples(refuse_to_run, client=one))


def test_live_object_is_named_before_anything_runs(connected):
    with pytest.raises(
        ValueError, match=r"^loader: dataset.client is an open conn"
    ) as e:
        audit(connected)
    assert "pass the function: audit(make_loader)" in str(e.value)
    with pytest.raises(ValueError, match=r"^b.dataset.client is an open connection"):
        compare(DataLoader(range(4)), connected)


def test_function_that_brings_a_live_object_is_told_to_make_it(connected):
    with pytest.raises(ValueError, match=r"<connected>.dataset.client is an open") as e:
        audit(lambda: connected)
    assert "Let the function make the object itself" in str(e.value)


def hold(dataset, index):
    with dataset.lock:
        if index == 5:
            time.sleep(1000)
    return index


def test_lock_is_free_after_a_sample_was_killed_under_it():
    dataset = Samples(hold, lock=FORK.Lock())
    seen = observe(lambda: DataLoader(dataset), epochs=1, time_limit=0.5)
    assert seen.ended.waiting_at[-1].endswith("in hold: time.sleep(1000)")
    assert dataset.lock.acquire(timeout=0)
    dataset.lock.release()


def test_place_where_a_worker_waits_is_named():
    dataset = Samples(hold, lock=FORK.Lock())
    loader = DataLoader(dataset, batch_size=8, num_workers=1)
    with pytest.raises(RuntimeError, match=r"waiting at .*in hold: time.sleep\(1000\)"):
        audit(loader, time_limit=2)


# A value is a reference cycle, so that its lock would outlive a test.
COUNTER = FORK.Value("i", 3)


def count(dataset, index):
    with COUNTER.get_lock():
        COUNTER.value += 1
        return COUNTER.value


@pytest.mark.parametrize("num_workers", [0, 2])
def test_value_of_multiprocessing_is_as_before(num_workers):
    audit(DataLoader(Samples(count), num_workers=num_workers))
    assert COUNTER.value == 3


def write_begin_and_end(dataset, index):
    os.write(dataset.pipe, b"b")
    time.sleep(0.1)
    os.write(dataset.pipe, b"e")
    return index


@pytest.mark.parametrize("num_workers", [0, 1])
def test_time_limit_ends_between_two_samples(num_workers):
    with inherited_by_children(os.pipe) as (reading, writing):
        dataset = Samples(write_begin_and_end, pipe=writing)
        loader = DataLoader(
            dataset, batch_sampler=[[0] * 1000], num_workers=num_workers
        )
        seen = observe(lambda: loader, epochs=1, time_limit=1)
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        marks = pipe.read()
    assert seen.ended.reason == "out of time"
    assert seen.ended.waiting_at == ()  # the process ended by itself
    assert marks == b"be" * (len(marks) // 2)
    assert 0 < len(marks) < 2000


def use_files(dataset, index):
    folder = dataset.folder
    mapped = np.memmap(folder / "array", mode="r+", dtype=np.int64)
    mapped[0] += 1
    (folder / "cache").mkdir(exist_ok=True)
    cached = folder / "cache" / f"{index}.pt"
    if not cached.exists():
        torch.save(torch.rand(2), cached)
    return torch.load(cached)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_files_that_samples_write_are_as_before(num_workers, tmp_path):
    np.arange(8).tofile(tmp_path / "array")
    before = (tmp_path / "array").read_bytes()
    dataset = Samples(use_files, folder=tmp_path)
    report = audit(DataLoader(dataset, num_workers=num_workers))
    assert report.observation.error is None
    assert report.observation.changed_files == ()
    assert [path.name for path in tmp_path.iterdir()] == ["array"]
    assert (tmp_path / "array").read_bytes() == before


def append_a_line(dataset, index):
    with dataset.log.open("a") as file:
        file.write(f"{index}\n")
    return index


def test_file_that_could_not_be_restored_is_named(tmp_path):
    dataset = Samples(append_a_line, log=tmp_path / "log")
    (tmp_path / "log").touch()
    report = audit(DataLoader(dataset))
    assert report.observation.changed_files == (str(tmp_path / "log"),)
    assert f"changed by samples: {tmp_path / 'log'}" in " ".join(str(report).split())


def test_program_without_a_standard_error_stream(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert audit(DataLoader(range(4)), progress=True).observation.error is None


def use_cuda(dataset, index):
    msg = "Cannot re-initialize CUDA in forked subprocess. To use CUDA ..."
    raise RuntimeError(msg)


def test_loader_that_uses_cuda_gets_one_sentence():
    with pytest.raises(RuntimeError, match="uses CUDA, which a forked") as error:
        audit(DataLoader(Samples(use_cuda)))
    assert "\n" not in str(error.value)


@slow_audit
def test_function_whose_module_has_a_connection_runs_in_new_processes(
    tmp_path, monkeypatch
):
    (tmp_path / "has_connection.py").write_text(
        "import socket\n"
        "from torch.utils.data import DataLoader\n"
        "one, other = socket.socketpair()\n"
        "class Echoed(list):\n"
        "    def __getitem__(self, index):\n"
        "        one.send(bytes([index]))\n"
        "        return other.recv(1)[0]\n"
        "def make():\n"
        "    return DataLoader(Echoed(range(8)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("has_connection")
    report = audit(module.make, epochs=1)
    assert report.observation.error is None
    assert len(report.observation.fetches) == 8
    module.one.send(b"x")
    assert module.other.recv(2) == b"x"
    module.one.close()
    module.other.close()


def test_folder_that_goes_at_exit_stays():
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    audit(DataLoader(range(8)), epochs=1)
    assert Path(folder.name).is_dir()
    atexit.unregister(folder.cleanup)
    folder.cleanup()
