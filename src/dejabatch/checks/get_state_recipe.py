"""NumPy is seeded with 2147483648 + worker_id, whatever the seed and the epoch."""

import numpy as np

from dejabatch.state import generators as rng
from dejabatch.observe.record import MAIN_PROCESS, Observation
from dejabatch.report import CannotTell, Finding

_NUMPY = "np.random"
# Word 0 of an MT19937 state that was seeded with an array, as torch seeds it.
_WORD_0 = 2**31


def check(observation: Observation) -> Finding | None:
    """Look for workers in exactly the state in which the recipe leaves NumPy."""
    starts = {
        key: census
        for key, census in observation.epoch_starts().items()
        if key[1] != MAIN_PROCESS
    }
    if not starts:
        msg = "there are no workers"
        raise CannotTell(msg)
    seeded = {
        (epoch, worker)
        for (epoch, worker), census in starts.items()
        if census[_NUMPY] == rng.digest(np.random.RandomState(_WORD_0 + worker))
    }
    if not seeded:
        return None
    ends = observation.epoch_ends()
    used = any(ends[key][_NUMPY] != starts[key][_NUMPY] for key in seeded)
    evidence = f"{len(seeded)} of {len(starts)} times a worker started an epoch with "
    evidence += "np.random.seed(2147483648 + worker_id)"
    if not used:
        evidence += ", from which nothing was drawn"
    return Finding(
        slug="get-state-recipe",
        severity="error" if used else "note",
        where="worker_init_fn",
        evidence=evidence,
    )
