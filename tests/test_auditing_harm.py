"""After an audit, the program has what it had: connections, locks, files and values."""

import atexit
import http.client
import http.server
import importlib
import multiprocessing
import os
import shutil
import socket
import ssl
import subprocess
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
from dejabatch.state import inherited, open_files
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
        yield running
        running.shutdown()
        thread.join()


def ask_for(dataset, index):
    dataset.client.request("GET", f"/{index}")
    return int(dataset.client.getresponse().read()[1:])


def test_http_connection_goes_on_as_before(server):
    dataset = Samples(
        ask_for, client=http.client.HTTPConnection(*server.server_address)
    )
    assert dataset[3] == 3
    connection = dataset.client.sock
    report = audit(DataLoader(dataset, batch_size=4))
    assert report.observation.error is None
    assert [dataset[index] for index in range(8)] == list(range(8))
    assert dataset.client.sock is connection
    dataset.client.close()


@pytest.fixture
def encrypted(server, tmp_path):
    """Make the server one of HTTPS, and return a context that trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return ssl.create_default_context(cafile=certificate)


def test_encrypted_http_connection_goes_on_as_before(server, encrypted):
    client = http.client.HTTPSConnection(*server.server_address, context=encrypted)
    dataset = Samples(ask_for, client=client)
    assert dataset[3] == 3
    connection = client.sock
    report = audit(DataLoader(dataset, batch_size=4))
    assert report.observation.error is None
    assert [dataset[index] for index in range(8)] == list(range(8))
    assert client.sock is connection
    client.close()


def test_encrypted_connection_goes_on_after_a_refusal(server, encrypted):
    plain = socket.create_connection(server.server_address)
    with encrypted.wrap_socket(plain, server_hostname="127.0.0.1") as client:
        loader = DataLoader(Samples(refuse_to_run, client=client))
        with pytest.raises(ValueError, match=r"dataset.client is an open TLS conn"):
            audit(loader)
        client.sendall(b"GET /5 HTTP/1.1\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")


def ask_on_own_connection(dataset, index):
    if get_worker_info() is not None and not hasattr(dataset, "own"):
        dataset.own = http.client.HTTPConnection(
            dataset.client.host, dataset.client.port
        )
    connection = getattr(dataset, "own", dataset.client)
    connection.request("GET", f"/{index}")
    return int(connection.getresponse().read()[1:])


def two_workers(server, ask):
    client = http.client.HTTPConnection(*server.server_address)
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


SHARED = torch.zeros(8, dtype=torch.int64).share_memory_()


def use_everything(dataset, index):
    dataset.file.seek(index)
    SHARED[index] += 1
    dataset.client.request("GET", f"/{dataset.file.read(1)[0]}")
    return int(dataset.client.getresponse().read()[1:])


def test_system_without_proc_as_macos(server, tmp_path, monkeypatch):
    monkeypatch.setattr(open_files, "_FOLDERS", ("/dev/fd",))
    monkeypatch.setattr(inherited, "_has_proc", bool)
    monkeypatch.setattr(inherited, "_shared_mappings", tuple)
    (tmp_path / "data").write_bytes(bytes(range(8)))
    with (tmp_path / "data").open("rb", buffering=0) as file:
        client = http.client.HTTPConnection(*server.server_address)
        dataset = Samples(use_everything, client=client, file=file)
        assert dataset[3] == 3
        report = audit(DataLoader(dataset, batch_size=4))
        assert report.observation.error is None
        assert file.tell() == 4
        assert SHARED.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
        assert [dataset[index] for index in range(8)] == list(range(8))
        client.close()


LITTLE_SHARED_MEMORY = """
import torch
from torch.utils.data import DataLoader
import dejabatch

class Images(torch.utils.data.Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return torch.rand(3, 224, 224)

for _ in range(2):
    report = dejabatch.audit(DataLoader(Images(), batch_size=16, num_workers=2))
    assert report.ok and report.observation.error is None, report
"""


@slow_audit
def test_64_mb_of_shared_memory_are_enough_and_empty_afterwards(tmp_path):
    """Containers have 64 MB by default, and two workers hold at most 38 MB of batches."""
    mount = "mount -t tmpfs -o size=64m tmpfs /dev/shm"
    own_mounts = ["unshare", "--mount", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*own_mounts, mount], check=False).returncode
    ):
        pytest.skip("only root can mount another /dev/shm")
    program = tmp_path / "program.py"
    program.write_text(LITTLE_SHARED_MEMORY)
    run = f'{mount} && "$1" "$2" && ls -A /dev/shm'
    ended = subprocess.run(
        [*own_mounts, run, "sh", sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


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
