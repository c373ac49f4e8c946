"""Workers share the position in a file that the dataset opened before they were forked."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Facts, Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for open files of the main process whose position the workers move."""
    facts = facts_of(observation)
    if facts.num_workers < 2:
        cannot_tell("there are no two workers")
    paths = {path for end in observation.ends for path in end.moved_files}
    if not paths:
        return _shared_connection(observation, facts)
    path = min(paths)
    if facts.holds_lock:
        cannot_tell(
            f"workers share one position in {path}, and the dataset holds a lock that may "
            "keep them apart",
            "check that each read and its seek hold the lock",
        )
    return Diagnosis(
        severity="error",
        where=path,
        evidence=f"{path} was open when the {facts.num_workers} workers were forked, and "
        "they all read at its one position",
    )


def _shared_connection(observation: Observation, facts: Facts) -> Diagnosis | None:
    """Look for a connection that workers inherited, and on which they send requests."""
    paths = {path for end in observation.ends for path in end.shared_connections}
    if not paths:
        return None
    path = min(paths)
    if facts.holds_lock:
        cannot_tell(
            f"workers share the connection {path}, and the dataset holds a lock that may "
            "keep them apart",
            "check that each request and its answer hold the lock",
        )
    return Diagnosis(
        severity="error",
        where=path,
        evidence=f"{path} was connected when the {facts.num_workers} workers were forked, "
        "and they all use it: a worker can read the answer to another worker's request",
        title="Samples are corrupt when workers share a connection",
        fix="Connect in each process that makes samples: set the connection to None in "
        "`__init__`, and connect when the first sample is made.",
    )
