"""A restored loader begins at the end of an epoch."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a first epoch without batches before one that has some."""
    map_style(observation)
    if len(observation.ends) < 2:
        cannot_tell("fewer than two epochs were read")
    full = [fetch.epoch for fetch in observation.fetches]
    empty = [end.epoch for end in observation.ends if end.complete]
    if 0 in full or 0 not in empty or not full:
        return None
    return Diagnosis(
        severity="error",
        where="loader",
        evidence=f"the first epoch has no batch, and the next has {full.count(full[0])}",
    )
