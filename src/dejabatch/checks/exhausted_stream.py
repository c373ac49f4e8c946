"""The iterable dataset has one pass."""

from dejabatch.checks._exhausted import empty_epochs
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for an epoch without batches."""
    facts = observation.facts
    if facts is None or facts.map_style:
        msg = "the dataset is not iterable"
        raise CannotTell(msg)
    if facts.one_shot and (facts.num_workers == 0 or facts.persistent_workers):
        evidence = "the dataset is an iterator, which has one pass"
    elif empty := empty_epochs(observation):
        evidence = f"epoch {empty[0]}, counted from 0, has no batch"
    else:
        return None
    return Finding(
        slug="exhausted-stream",
        severity="error",
        where="dataset.__iter__" if facts.data_loader else "loader",
        evidence=evidence,
    )
