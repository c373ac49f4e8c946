"""Let the test process look like a DataLoader worker, without starting a worker."""

import contextlib
import random

import numpy as np
import pytest
import torch
from torch.utils.data._utils import worker as torch_worker

from dejabatch.state import generators


@contextlib.contextmanager
def simulated_worker(worker_id=0, num_workers=1, *, base_seed=0, dataset=None):
    """Set worker_info and seed the global generators as torch's worker loop does."""
    seed = base_seed + worker_id
    info = torch_worker.WorkerInfo(
        id=worker_id, num_workers=num_workers, seed=seed, dataset=dataset
    )
    with (
        generators.restored(generators.global_rngs().values()),
        pytest.MonkeyPatch.context() as patch,
    ):
        random.seed(seed)
        torch.manual_seed(seed)
        np.random.seed(torch_worker._generate_state(base_seed, worker_id))
        patch.setattr(torch_worker, "_worker_info", info)
        yield
