"""The schemes of well-known libraries repeat as many streams as they are known to."""

import functools
import pickle

import pytest
import torch

from dejabatch import check_seeding
from dejabatch.fixes.known_schemes import SCHEMES
from dejabatch.fixes.schemes import AXES
from dejabatch.state import generators

SMALL = {"ranks": 3, "workers": 2, "epochs": 2, "seeds": (42, 43)}
# Share of NumPy's streams that are repeated within an epoch, in other epochs, for other
# seeds. The two runs have ranks 42, 43, 44 and 43, 44, 45: they share two thirds.
EXPECTED = {
    "one seed on all ranks, torch's default": (1, 0, 0),
    "seed + rank": (0, 0, 2 / 3),
    "PyTorch's docs: initial_seed() % 2**32": (1, 0, 0),
    "timm: seed + rank, NumPy from the worker": (0, 0, 2 / 3),
    "detectron2: seed + rank, + worker": (0, 0, 2 / 3),
    "ultralytics: a constant + seed + rank": (0, 0, 2 / 3),
    "Hugging Face Trainer": (0, 0, 0),
    "Lightning 2.4 to 2.6.0": (0, 0, 0),
    "Lightning 2.6.1": (0, 0, 0),
    "mmengine": (0, 1, 5 / 6),
    "np.random.seed(worker_id)": (1, 1, 1),
    "get_state()[1][0] + worker_id": (1, 1, 1),
    "a constant": (1, 1, 1),
    "seed_worker": (0, 0, 0),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_repeated_shares_of_each_scheme(name):
    report = check_seeding(SCHEMES[name], **SMALL)
    found = tuple(report.shared["np.random"][axis] for axis in AXES)
    assert found == pytest.approx(EXPECTED[name])
    assert report.verified, "real workers begin with other streams"
    assert report.num_streams == 3 * 2 * 2 * 2
    torch_shares = list(report.shared["torch"].values())
    if name == "Lightning 2.4 to 2.6.0":
        assert torch_shares == [0, 1, 1]
    assert report.ok == (not any(EXPECTED[name]) and not any(torch_shares))


@pytest.mark.parametrize("name", SCHEMES)
def test_scheme_can_be_pickled(name):
    assert pickle.loads(pickle.dumps(SCHEMES[name])) == SCHEMES[name]


def test_lightning_scheme_seeds_as_lightning_does(monkeypatch):
    from lightning.fabric.utilities.seed import pl_worker_init_function  # noqa: PLC0415

    monkeypatch.setenv("RANK", "0")
    functions = (
        functools.partial(pl_worker_init_function, rank=0),
        SCHEMES["Lightning 2.6.1"].worker_init_fn,
    )
    global_rngs = generators.global_rngs().values()
    with generators.restored(global_rngs):
        for worker_id in range(3):
            states = []
            for function in functions:
                torch.manual_seed(2**62 + 12345 + worker_id)
                function(worker_id)
                states.append([generators.digest(rng) for rng in global_rngs])
            assert states[0] == states[1]
