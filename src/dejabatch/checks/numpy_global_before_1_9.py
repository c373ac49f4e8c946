"""NumPy's global generator in the workers is a copy of the main process's."""

from dejabatch.observe.record import MAIN_PROCESS, Observation
from dejabatch.report import CannotTell, Finding

_NUMPY = "np.random"


def check(observation: Observation) -> Finding | None:
    """Look for workers whose ``np.random`` is in the state of the main process."""
    starts = observation.epoch_starts()
    workers = {worker for _, worker in starts} - {MAIN_PROCESS}
    if not workers:
        msg = "there are no workers"
        raise CannotTell(msg)
    main = observation.main_census()[_NUMPY]
    ends = observation.epoch_ends()
    copied = {
        worker
        for (epoch, worker), census in starts.items()
        if census[_NUMPY] == main and ends[epoch, worker][_NUMPY] != main
    }
    if not copied:
        return None
    return Finding(
        slug="numpy-global-before-1-9",
        severity="error",
        where=_NUMPY,
        evidence=f"{len(copied)} of {len(workers)} workers draw from np.random in the "
        "state of the main process",
    )
