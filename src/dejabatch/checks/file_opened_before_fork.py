"""Workers share the position in a file that the dataset opened before they were forked."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for open files of the main process whose position the workers move."""
    facts = observation.facts
    if facts is None or facts.num_workers < 2:
        msg = "there are no two workers"
        raise CannotTell(msg)
    paths = {path for end in observation.ends for path in end.moved}
    if not paths:
        return None
    if facts.locked:
        msg = (
            f"workers read in {min(paths)} at one position, and the dataset holds a lock "
            "that may keep them apart"
        )
        raise CannotTell(msg)
    return Finding(
        slug="file-opened-before-fork",
        severity="error",
        where=min(paths),
        evidence=f"it was open when the {facts.num_workers} workers were forked, and they "
        "all read at its one position",
    )
