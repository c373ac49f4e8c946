"""An isolated function leaves nothing, ends in time, and says how it ended."""

import contextlib
import multiprocessing
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

from dejabatch.observe.isolate import (
    OutOfTime,
    children_started_by,
    in_fork,
    run_isolated,
    undo_writes_from_here,
)
from dejabatch.observe.record import Ended
from dejabatch.state.inherited import inherited_by_children

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


class AskedForItsName(list):
    def __getitem__(self, index):
        return multiprocessing.current_process().name


@pytest.mark.parametrize("workers", [0, 2])
def test_child_and_its_workers_have_the_names_that_the_program_has(workers):
    loader = DataLoader(AskedForItsName(range(4)), num_workers=workers)

    def function(send):
        send([name for (name,) in loader])

    (names,) = run_isolated(function, 30).sent
    assert names == (["Process-1", "Process-2"] * 2 if workers else ["MainProcess"] * 4)


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

    outcome = run_isolated(function, {"fork": 3, "forkserver": 15, "spawn": 27}[method])
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


def grandchild_that_waits(pipe):
    """Return a function that starts a process, reports both, and hangs."""

    def function(send):
        worker = os.fork()
        if worker == 0:
            time.sleep(1000)
        os.write(pipe, f"{os.getpid()} {worker}\n".encode())
        time.sleep(1000)

    return function


@pytest.fixture
def pipe_to_the_child():
    """Give the ends of a pipe that `run_isolated` leaves to its child."""
    with inherited_by_children(os.pipe) as ends:
        yield ends


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_child_and_its_processes_die_with_the_program(number, pipe_to_the_child):
    reading, writing = pipe_to_the_child
    program = os.fork()
    if program == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run_isolated(grandchild_that_waits(writing), 100)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        processes = [int(word) for word in pipe.readline().split()]
        os.kill(program, number)
        os.waitpid(program, 0)
        # The pipe closes when its last holder has ended.
        assert pipe.read() == ""
    assert len(processes) == 2


def test_files_are_restored_if_the_program_is_killed(tmp_path, pipe_to_the_child):
    (tmp_path / "data").write_text("before")
    reading, writing = pipe_to_the_child

    def write(send):
        undo_writes_from_here()
        (tmp_path / "data").write_text("after")
        os.write(writing, b"\n")
        time.sleep(1000)

    program = os.fork()
    if program == 0:
        run_isolated(write, 100)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        pipe.readline()
        os.kill(program, signal.SIGKILL)
        os.waitpid(program, 0)
    deadline = time.monotonic() + 20
    while (tmp_path / "data").read_text() != "before" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "data").read_text() == "before"


def test_program_that_ignores_the_ends_of_its_children_can_audit():
    former = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        outcome = run_isolated(lambda send: send(os.getpid()), 30)
        assert in_fork(os.getpid, time.monotonic() + 30) != os.getpid()
    finally:
        signal.signal(signal.SIGCHLD, former)
    assert len(outcome.sent) == 1
    assert outcome.ended is None


def test_daemonic_process_can_read_a_loader():
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def read():
        loader = DataLoader(range(4))
        outcome = run_isolated(lambda send: send([int(b) for b in loader]), 30)
        sender.send(outcome.sent)

    process = context.Process(target=read, daemon=True)
    process.start()
    sender.close()
    with receiver:
        assert receiver.recv() == [[0, 1, 2, 3]]
    process.join()
    process.close()


def test_programs_signal_handlers_do_not_run_in_the_child():
    former = signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
    try:
        outcome = run_isolated(lambda _: os.kill(os.getpid(), signal.SIGTERM), 30)
    finally:
        signal.signal(signal.SIGTERM, former)
    assert outcome.ended.error == "killed by SIGTERM"


def test_spawned_worker_that_imports_the_program_reads_no_loader(monkeypatch):
    process = multiprocessing.current_process()
    monkeypatch.setattr(process, "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match="put the call under `if __name__"):
        run_isolated(lambda send: None, 30)


def test_function_that_notices_the_time_limit_is_not_killed():
    def function(send):
        send("first")
        raise OutOfTime

    outcome = run_isolated(function, 30)
    assert outcome.sent == ["first"]
    assert outcome.ended == Ended(reason="out of time")


def test_killed_child_says_where_it_was_waiting():
    def function(send):
        Hangs([1])[0]

    waiting_at = run_isolated(function, 0.1).ended.waiting_at
    assert waiting_at[-1].endswith("in __getitem__: time.sleep(1000)")
    # The lines of the program that called the audit are left out.
    assert not any("test_killed_child_says" in line for line in waiting_at[:-2])


def numbers(send):
    send([multiprocessing.current_process().name, os.getppid()])


@slow_audit
def test_new_interpreter_shares_nothing():
    with children_started_by("spawn"):
        [(name, parent)] = run_isolated(numbers, 10).sent
    assert name.startswith("SpawnProcess")
    assert parent == os.getpid()
