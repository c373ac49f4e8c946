"""Shared streams are counted, and `seed_worker` shares none."""

import functools
import os
import time

import numpy as np
import pytest
import torch

from dejabatch import SCHEMES, Scheme, check_seeding, seed_worker
from dejabatch.state import generators as rngs
from dejabatch.fixes.schemes import AXES

SEEDS = (42, 43, 44)
# Share of NumPy's streams that come again within an epoch, in other epochs, for other seeds.
EXPECTED = {
    "one seed on all ranks, torch's default": (1, 0, 0),
    "seed + rank": (0, 0, 11 / 12),
    "PyTorch's docs: initial_seed() % 2**32": (1, 0, 0),
    "timm: seed + rank, NumPy from the worker": (0, 0, 11 / 12),
    "detectron2: seed + rank, + worker": (0, 0, 11 / 12),
    "ultralytics: a constant + seed + rank": (0, 0, 11 / 12),
    "Hugging Face Trainer": (0, 0, 0),
    "Lightning 2.4 to 2.6.0": (0, 0, 0),
    "Lightning 2.6.1": (0, 0, 0),
    "mmengine": (0, 1, 94 / 96),
    "np.random.seed(worker_id)": (1, 1, 1),
    "get_state()[1][0] + worker_id": (1, 1, 1),
    "a constant": (1, 1, 1),
    "seed_worker": (0, 0, 0),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_shares_of_schemes_in_use(name):
    report = check_seeding(SCHEMES[name], seeds=SEEDS)
    found = tuple(report.shared["np.random"][axis] for axis in AXES)
    assert found == pytest.approx(EXPECTED[name])
    assert report.verified, "real workers begin elsewhere"
    assert report.streams == 8 * 4 * 3 * 3
    of_torch = report.shared["torch"]
    if name == "Lightning 2.4 to 2.6.0":
        assert list(of_torch.values()) == [0, 1, 1]
    assert report.ok == (not any(EXPECTED[name]) and not any(of_torch.values()))


def test_lightnings_scheme_does_what_lightning_does():
    from lightning.fabric.utilities.seed import pl_worker_init_function  # noqa: PLC0415

    generators = rngs.global_rngs().values()
    with rngs.Kept(generators):
        for worker_id in range(3):
            states = []
            for seed_worker_ in (
                functools.partial(pl_worker_init_function, rank=0),
                SCHEMES["Lightning 2.6.1"].worker_init_fn,
            ):
                torch.manual_seed(2**62 + 12345 + worker_id)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("RANK", "0")
                    seed_worker_(worker_id)
                states.append([rngs.digest(rng) for rng in generators])
            assert states[0] == states[1]


def test_seed_worker_shares_no_stream_of_any_generator():
    report = check_seeding(seed_worker, ranks=16, workers=8, epochs=4)
    assert report.ok
    for numbers in report.digests.values():
        assert len(np.unique(numbers)) == report.streams


def seed_torch_alone(worker_id):
    torch.manual_seed(worker_id + int(os.environ["RANK"]))


def test_each_generator_is_counted_for_itself():
    report = check_seeding(seed_torch_alone, ranks=2, workers=2, epochs=1, seeds=(0, 1))
    # 0 + 1 and 1 + 0 are one seed, in each of the two runs.
    assert report.shared["torch"] == {"rank or worker": 0.5, "epoch": 0, "seed": 1}
    assert report.shared["random"] == {"rank or worker": 1, "epoch": 0, "seed": 0}


def test_persistent_workers_do_not_begin_again():
    def by_worker(worker_id):
        np.random.seed(worker_id)

    fresh = Scheme("fresh", lambda seed, rank: torch.manual_seed(seed), by_worker)
    lasting = Scheme("lasting", fresh.seed_main, by_worker, fresh_workers=False)
    assert check_seeding(fresh).shared["np.random"]["epoch"] == 1
    report = check_seeding(lasting)
    assert report.shared["np.random"]["epoch"] == 0
    assert report.verified


def test_report_says_the_same_as_text_html_and_picture():
    report = check_seeding(SCHEMES["mmengine"], seeds=SEEDS)
    assert str(report).splitlines()[0].startswith("mmengine: 288 streams")
    assert str(report).splitlines()[3].split() == ["np.random", "0%", "100%", "98%"]
    assert "<td>98%</td>" in report._repr_html_()
    ax = report.plot()
    (image,) = ax.images
    assert image.get_array().shape == (9, 32)
    (dots,) = ax.lines
    assert len(dots.get_xdata()) == 288 - len(np.unique(image.get_array()))


def test_random_states_here_do_not_change():
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    check_seeding(None, ranks=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert "RANK" not in os.environ


def raises(worker_id):
    raise KeyError(worker_id)


def hangs(worker_id):
    time.sleep(1000)


def test_bad_argument_is_named():
    with pytest.raises(TypeError, match="scheme must be a Scheme, a worker_init_fn or"):
        check_seeding(3)
    with pytest.raises(ValueError, match="workers must be an integer of at least 1"):
        check_seeding(None, workers=0)
    with pytest.raises(ValueError, match="seeds must be integers of at least 0"):
        check_seeding(None, seeds=[])
    with pytest.raises(
        RuntimeError, match=r"raises could not be run(.|\n)*KeyError: 0"
    ):
        check_seeding(raises)
    with pytest.raises(RuntimeError, match="more than time_limit=2 seconds"):
        check_seeding(hangs, time_limit=2)
