"""Repeated streams are counted, and the generators of `seed_worker` repeat none."""

import os
import pickle
import time

import numpy as np
import pytest
import torch

from dejabatch import Scheme, check_seeding, seed_worker
from dejabatch.fixes import schemes
from dejabatch.state import generators


def seed_torch_alone(worker_id):
    torch.manual_seed(worker_id + int(os.environ["RANK"]))


def seed_numpy_alone(worker_id):
    np.random.seed(worker_id)


def seed_main_torch_alone(seed, rank):
    torch.manual_seed(seed)


def test_each_generator_is_counted_separately():
    report = check_seeding(seed_torch_alone, ranks=2, workers=2, epochs=1, seeds=(0, 1))
    # 0 + 1 and 1 + 0 are one seed, in each of the two runs.
    assert report.shared["torch"] == {"rank or worker": 0.5, "epoch": 0, "seed": 1}
    assert report.shared["random"] == {"rank or worker": 1, "epoch": 0, "seed": 0}


def test_persistent_workers_do_not_repeat_their_first_epoch():
    small = {"ranks": 2, "workers": 2, "epochs": 2, "seeds": (0, 1)}
    fresh = Scheme("fresh", seed_main_torch_alone, seed_numpy_alone)
    persistent = Scheme(
        "persistent", seed_main_torch_alone, seed_numpy_alone, fresh_workers=False
    )
    assert check_seeding(fresh, **small).shared["np.random"]["epoch"] == 1
    report = check_seeding(persistent, **small)
    assert report.shared["np.random"]["epoch"] == 0
    assert report.verified


class SeedsByProcess:
    """A worker_init_fn that seeds otherwise in real workers than in the simulation."""

    def __init__(self):
        self.process = None

    def __call__(self, worker_id):
        self.process = self.process or os.getpid()
        np.random.seed(os.getpid() - self.process)


def test_real_workers_that_begin_with_other_streams_are_reported():
    report = check_seeding(SeedsByProcess(), ranks=1, workers=1, epochs=1, seeds=(0,))
    assert not report.verified
    assert str(report).endswith("do not rely on the table")


def test_seed_worker_repeats_no_stream_of_any_generator(monkeypatch):
    monkeypatch.setenv("RANK", "0")  # restored afterwards
    scheme = Scheme("seed_worker", schemes.seed_ranks_equally, seed_worker)
    with generators.restored(generators.global_rngs().values()):
        streams = [
            worker
            for seed in (0, 1)
            for rank in range(4)
            for worker in schemes.simulated_streams(scheme, seed, rank, 4, 2)
        ]
    for digests in zip(*streams, strict=True):
        assert len(set(digests)) == 2 * 4 * 4 * 2


def report_of(stream_ids):
    """Return a report of NumPy streams alone."""
    ids = np.array(stream_ids)
    return schemes.SchemeReport(
        name="<by hand>",
        num_streams=ids.size,
        shared={"np.random": schemes._repeated_shares(ids)},
        stream_ids={"np.random": ids},
        verified=True,
    )


# Two seeds, two epochs, one rank, two workers: ids 0 and 1 are repeated.
BY_HAND = report_of([[[[0, 0]], [[1, 2]]], [[[3, 4]], [[1, 1]]]])


def test_shares_are_counted_along_each_axis():
    assert BY_HAND.shared["np.random"] == {
        "rank or worker": 4 / 8,  # 0, 0 and 1, 1
        "epoch": 0,
        "seed": 3 / 8,  # all three 1
    }
    assert not BY_HAND.ok
    assert report_of([[[[0, 1]], [[2, 3]]]]).ok


def test_text_html_and_picture_of_a_report_agree():
    assert str(BY_HAND).splitlines()[0].startswith("<by hand>: 8 streams")
    assert str(BY_HAND).splitlines()[2].split() == ["np.random", "50%", "0%", "38%"]
    assert "<td>38%</td>" in BY_HAND._repr_html_()
    assert "&lt;by hand&gt;" in BY_HAND._repr_html_()
    ax = BY_HAND.plot()
    (image,) = ax.images
    assert image.get_array().tolist() == [[0, 0], [1, 2], [3, 4], [1, 1]]
    (dots,) = ax.lines
    assert dots.get_xydata().tolist() == [[1, 0], [0, 3], [1, 3]]


def test_random_states_and_environment_do_not_change(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    check_seeding(None, ranks=1, workers=1, epochs=1, seeds=(0,))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert "RANK" not in os.environ


def test_function_that_runs_in_a_process_can_be_pickled():
    scheme = schemes._as_scheme(seed_numpy_alone)
    function = schemes._SendStreams(scheme, (0,), ranks=1, workers=1, epochs=1)
    assert pickle.loads(pickle.dumps(function)) == function


def raises(worker_id):
    raise KeyError(worker_id)


def hangs(worker_id):
    time.sleep(1000)


def test_scheme_that_raises_or_hangs_is_named():
    with pytest.raises(
        RuntimeError, match=r"raises could not be run(.|\n)*KeyError: 0"
    ):
        check_seeding(raises)
    with pytest.raises(
        RuntimeError, match=r"hangs (.|\n)*more than time_limit=0.5 sec"
    ):
        check_seeding(hangs, time_limit=0.5)


def test_bad_argument_is_named():
    with pytest.raises(TypeError, match="scheme must be a Scheme, a worker_init_fn or"):
        check_seeding(3)
    with pytest.raises(ValueError, match="workers must be an integer of at least 1"):
        check_seeding(None, workers=0)
    with pytest.raises(ValueError, match="seeds must be integers of at least 0"):
        check_seeding(None, seeds=[])
