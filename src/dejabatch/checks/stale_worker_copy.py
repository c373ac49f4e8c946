"""A dataset's set_epoch changes the main process's copy, and workers live on with theirs."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for what ``set_epoch`` changes in the main process alone."""
    facts = observation.facts
    if facts is None or not facts.persistent_workers:
        msg = "workers do not live on from one epoch to the next"
        raise CannotTell(msg)
    if observation.unheard is None:
        msg = "set_epoch of the dataset could not be tried"
        raise CannotTell(msg)
    if not observation.unheard:
        return None
    where = observation.unheard[0]
    return Finding(
        slug="stale-worker-copy",
        severity="error",
        where=where,
        evidence=f"set_epoch changes {where} in the main process, and not in the "
        f"{facts.num_workers} persistent workers",
    )
