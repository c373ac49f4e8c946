"""An isolated function leaves nothing, ends in time, and says how it ended."""

import contextlib
import multiprocessing.forkserver
import os
import signal
import threading
import time

import psutil
import pytest
import torch
from green_runs import slow_audit
from torch.utils.data import DataLoader
from traces import nothing_is_left

from dejabatch.observe.isolate import run_isolated

START_METHODS = pytest.mark.parametrize(
    "method", ["fork", "forkserver", pytest.param("spawn", marks=slow_audit)]
)


class Hangs(list):
    def __getitem__(self, index):
        time.sleep(1000)


@pytest.fixture(autouse=True)
def no_trace():
    with nothing_is_left():
        yield


def test_everything_sent_arrives_in_order():
    def function(send):
        for number in range(1000):
            send({"number": number, "data": b"x" * 1000})

    outcome = run_isolated(function, 30)
    assert [message["number"] for message in outcome.sent] == list(range(1000))
    assert (outcome.error, outcome.out_of_time) == (None, False)


def test_changes_stay_in_the_child():
    values, generator = [1], torch.Generator()
    state = generator.get_state()

    def function(send):
        values.append(2)
        torch.rand(1, generator=generator)
        torch.manual_seed(3)
        send(len(values))

    before = torch.get_rng_state()
    assert run_isolated(function, 30).sent == [2]
    assert values == [1]
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), before)


def test_offset_of_an_open_file_is_put_back(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    with path.open("rb", buffering=0) as file:
        file.seek(3)
        outcome = run_isolated(lambda send: send(file.read(4)), 30)
        assert outcome.sent == [b"3456"]
        assert file.tell() == 3


def test_threads_of_the_parent_do_no_harm():
    """Neither Python's, of which it warns since 3.12, nor those of OpenMP."""
    threads = torch.get_num_threads()
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        torch.set_num_threads(2)
        matrix = torch.rand(1000, 1000)
        expected = (matrix @ matrix).sum()
        outcome = run_isolated(lambda send: send((matrix @ matrix).sum().item()), 20)
    finally:
        release.set()
        thread.join()
        torch.set_num_threads(threads)
    assert outcome.sent == [pytest.approx(expected.item())]


def test_exception_arrives_with_its_traceback_and_what_came_before():
    def function(send):
        send("first")
        raise ValueError(7)

    outcome = run_isolated(function, 30)
    assert outcome.sent == ["first"]
    assert "ValueError: 7" in outcome.error
    assert "in function" in outcome.error


def test_exception_is_described():
    def function(send):
        raise ValueError(7)

    ended = run_isolated(function, 30).ended
    assert (ended.reason, ended.error) == ("raised", "ValueError: 7")
    assert ended.lines[-1].endswith("in function: raise ValueError(7)")


@pytest.mark.parametrize(
    ("end", "died"),
    [
        (lambda: os._exit(3), "exit code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL"),
    ],
)
def test_death_is_described(end, died):
    outcome = run_isolated(lambda send: (send("first"), end()), 30)
    assert outcome.sent == ["first"]
    assert (outcome.ended.reason, outcome.ended.error) == ("died", died)


def group(number):
    """Return the processes of a group, also those whose parent is gone."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == number:
                found.append(pid)
    return found


@START_METHODS
def test_hanging_worker_is_ended_with_the_rest(method):
    def function(send):
        loader = DataLoader(Hangs([1]), num_workers=2, multiprocessing_context=method)
        iterator = iter(loader)
        send((os.getpgrp(), len(group(os.getpgrp()))))
        next(iterator)

    outcome = run_isolated(function, 30 if method == "spawn" else 15)
    assert outcome.out_of_time
    [(number, processes)] = outcome.sent
    assert processes >= 3  # this one and two workers
    deadline = time.monotonic() + 5
    while group(number) and time.monotonic() < deadline:
        time.sleep(0.05)  # their new parent has not noticed yet
    assert group(number) == []


@START_METHODS
def test_workers_of_every_start_method_run_inside(method):
    def function(send):
        loader = DataLoader(range(4), num_workers=2, multiprocessing_context=method)
        send([int(batch) for batch in loader])

    for _ in range(2):  # the second child must not use the first one's helpers
        assert run_isolated(function, 60).sent == [[0, 1, 2, 3]]


@pytest.mark.parametrize("chosen", [None, "fork", "forkserver", "spawn"])
def test_child_has_the_start_method_of_the_program(chosen):
    before = multiprocessing.get_start_method(allow_none=True)
    default = multiprocessing.get_all_start_methods()[0]

    def function(send):
        send(multiprocessing.get_start_method())

    multiprocessing.set_start_method(chosen, force=True)
    try:
        assert run_isolated(function, 30).sent == [chosen or default]
        # The question alone must not choose a method for the program.
        assert multiprocessing.get_start_method(allow_none=True) == chosen
    finally:
        multiprocessing.set_start_method(before, force=True)


@START_METHODS
def test_workers_of_this_process_live_on(method):
    loader = DataLoader(
        range(4), num_workers=2, persistent_workers=True, multiprocessing_context=method
    )
    assert [int(batch) for batch in loader] == [0, 1, 2, 3]
    other = DataLoader(range(2), num_workers=1, multiprocessing_context=method)
    assert run_isolated(lambda send: send([int(b) for b in other]), 60).sent == [[0, 1]]
    assert [int(batch) for batch in loader] == [0, 1, 2, 3]
    loader._iterator._shutdown_workers()
    if method == "forkserver":
        multiprocessing.forkserver._forkserver._stop()
