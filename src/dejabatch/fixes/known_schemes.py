"""The seeding schemes of well-known libraries and recipes, for `check_seeding`.

Each function is written from the description of the library's own function, which its
docstring names.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

from dejabatch.fixes.schemes import (
    Scheme,
    seed_global_generators,
    seed_ranks_equally,
)
from dejabatch.fixes.seeding import seed_worker

# Carries the run's seed from mmengine_main to mmengine_worker, as RANK carries the rank:
# workers inherit the environment under every start method.
_MMENGINE_SEED = "DEJABATCH_MMENGINE_SEED"


# Seeds of a rank's main process ----------------------------------------------------


def seed_plus_rank(seed: int, rank: int) -> None:
    """Seed the main process of each rank with the sum of seed and rank."""
    seed_global_generators(seed + rank)


def ultralytics_main(seed: int, rank: int) -> None:
    """Do as ``ultralytics.data.build.build_dataloader``.

    The loader's base seed is drawn from a generator seeded with a constant plus the rank
    plus the seed.
    """
    torch.manual_seed(6148914691236517205 + rank + seed)


def mmengine_main(seed: int, rank: int) -> None:
    """Do as ``mmengine.runner.set_random_seed``, and keep the seed for the workers."""
    os.environ[_MMENGINE_SEED] = str(seed)
    seed_ranks_equally(seed, rank)


# Functions for worker_init_fn ---------------------------------------------------------


def pytorch_docs_worker(_worker_id: int) -> None:
    """Do as ``seed_worker`` in PyTorch's notes on reproducibility.

    NumPy and Python are seeded with the low 32 bits of the worker's seed
    (https://docs.pytorch.org/docs/stable/notes/randomness.html#dataloader).
    """
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def timm_worker(_worker_id: int) -> None:
    """Do as ``timm.data.loader._worker_init``: seed NumPy alone, with the worker's seed."""
    np.random.seed(_worker_info().seed % (2**32 - 1))


def detectron2_worker(worker_id: int) -> None:
    """Do as ``detectron2.data.build.worker_init_reset_seed``.

    The number of the worker is added twice: torch's seed of the worker contains it.
    """
    seed_global_generators((torch.initial_seed() % 2**31 + worker_id) % 2**32)


def transformers_worker(_worker_id: int) -> None:
    """Do as ``transformers.trainer_utils.seed_worker``.

    The seed is 32 bits of the worker's seed plus num_workers * rank.
    """
    offset = _worker_info().num_workers * _rank()
    seed_global_generators((offset + torch.initial_seed() % 2**32) % 2**32)


def mmengine_worker(worker_id: int) -> None:
    """Do as ``mmengine.dataset.worker_init_fn``.

    The seed is num_workers * rank + worker + seed, in every epoch.
    """
    offset = _worker_info().num_workers * _rank()
    seed = int(os.environ[_MMENGINE_SEED])
    seed_global_generators((offset + worker_id + seed) % 2**32)


def lightning_2_4_worker(worker_id: int) -> None:
    """Do as ``pl_worker_init_function`` of Lightning 2.4 to 2.6.0.

    The low 32 bits of torch's seed depend on rank and worker alone
    (https://github.com/Lightning-AI/pytorch-lightning/issues/20412).
    """
    _seed_as_lightning(_packed(worker_id), worker_id)


def lightning_2_6_1_worker(worker_id: int) -> None:
    """Do as ``pl_worker_init_function`` of Lightning 2.6.1, which mixes the bits first."""
    _seed_as_lightning(_murmurhash3_mixed(_packed(worker_id)), worker_id)


def numpy_from_worker_id(worker_id: int) -> None:
    """Seed NumPy with the number of the worker."""
    np.random.seed(worker_id)


def numpy_from_get_state(worker_id: int) -> None:
    """Seed NumPy with the first word of its state plus the number of the worker."""
    state: Any = np.random.get_state()
    np.random.seed(state[1][0] + worker_id)  # dejabatch: ignore[get-state-recipe]


def constant_seed(_worker_id: int) -> None:
    """Seed every worker with 42."""
    seed_global_generators(42)


def _worker_info() -> Any:
    info = get_worker_info()
    assert info is not None, "a worker_init_fn runs in a worker"
    return info


def _rank() -> int:
    return int(os.environ["RANK"])


def _packed(worker_id: int) -> int:
    """Return base seed, worker and rank side by side in one number."""
    base_seed = torch.initial_seed() - worker_id
    return base_seed << 32 | worker_id << 16 | _rank()


def _seed_as_lightning(first: int, worker_id: int) -> None:
    """Seed torch and Python from a chain of numbers, and NumPy from a seed sequence."""
    base_seed = torch.initial_seed() - worker_id
    chain = [_next_in_chain(first)]
    for _ in range(2):
        chain.append(_next_in_chain(chain[-1]))
    torch.manual_seed(chain[0])
    random.seed(chain[1] << 32 | chain[2])
    sequence = np.random.SeedSequence([base_seed, worker_id, _rank()])
    np.random.seed(sequence.generate_state(4))


def _next_in_chain(number: int) -> int:
    """Return the next number of Knuth's 64-bit linear congruential generator.

    D. E. Knuth, The Art of Computer Programming, volume 2, section 3.3.4 (MMIX's
    multiplier), with an increment of 1.
    """
    return (6364136223846793005 * number + 1) % 2**64


def _murmurhash3_mixed(number: int) -> int:
    """Return the 64-bit finalizer of MurmurHash3, by Austin Appleby, for a number.

    Each input bit changes half of the output bits on average
    (https://github.com/aappleby/smhasher/wiki/MurmurHash3).
    """
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        number = (number ^ number >> 33) * factor % 2**64
    return number ^ number >> 33


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        scheme.name: scheme
        for scheme in (
            Scheme("one seed on all ranks, torch's default", seed_ranks_equally),
            Scheme("seed + rank", seed_plus_rank),
            Scheme(
                "PyTorch's docs: initial_seed() % 2**32",
                seed_ranks_equally,
                pytorch_docs_worker,
            ),
            Scheme(
                "timm: seed + rank, NumPy from the worker", seed_plus_rank, timm_worker
            ),
            Scheme(
                "detectron2: seed + rank, + worker", seed_plus_rank, detectron2_worker
            ),
            Scheme(
                "ultralytics: a constant + seed + rank",
                ultralytics_main,
                pytorch_docs_worker,
            ),
            Scheme("Hugging Face Trainer", seed_ranks_equally, transformers_worker),
            Scheme("Lightning 2.4 to 2.6.0", seed_ranks_equally, lightning_2_4_worker),
            Scheme("Lightning 2.6.1", seed_ranks_equally, lightning_2_6_1_worker),
            Scheme("mmengine", mmengine_main, mmengine_worker),
            Scheme(
                "np.random.seed(worker_id)", seed_ranks_equally, numpy_from_worker_id
            ),
            Scheme(
                "get_state()[1][0] + worker_id",
                seed_ranks_equally,
                numpy_from_get_state,
            ),
            Scheme("a constant", seed_ranks_equally, constant_seed),
            Scheme("seed_worker", seed_ranks_equally, seed_worker),
        )
    }
)
"""Schemes in use, by name: ``check_seeding(SCHEMES["seed + rank"])``."""
