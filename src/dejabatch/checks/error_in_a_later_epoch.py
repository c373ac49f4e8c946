"""The loader raises an exception after some batches, or in a later epoch."""

from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import MAIN_PROCESS, Ended, Observation

# These failures can end in an exception, and their findings name its cause.
UNLESS = {"file-opened-before-fork", "subset-of-a-subset"}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for an exception that ended the reading."""
    ended = observation.ended
    if ended is None or ended.reason != "raised":
        return None
    return Diagnosis(
        severity="error",
        where=ended.where or "loader",
        evidence="\n".join([f"{ended.error} {_place(ended)}", *ended.lines]),
    )


def _place(ended: Ended) -> str:
    """Return where an exception was raised, in words."""
    words = [] if ended.index is None else [f"for index {ended.index}"]
    if ended.worker not in {None, MAIN_PROCESS}:
        words.append(f"in worker {ended.worker}")
    if ended.epoch is not None:
        words.append(f"in batch {ended.batch} of epoch {ended.epoch}, counted from 0")
    return " ".join(words)
