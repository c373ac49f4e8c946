"""NumPy's global generator in the workers is a copy of the main process's."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import workers_with_copied_numpy
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import MAIN_PROCESS, Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for workers whose ``np.random`` is in the state of the main process."""
    copied = evidence.of(workers_with_copied_numpy)
    if not copied:
        return None
    workers = {worker for _, worker in observation.epoch_starts()} - {MAIN_PROCESS}
    return Diagnosis(
        severity="error",
        where="np.random",
        evidence=f"{len(copied)} of {len(workers)} workers draw from np.random in the "
        "state of the main process",
    )
