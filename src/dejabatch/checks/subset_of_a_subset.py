"""A subset of a subset has indices of the whole dataset."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for a subset whose indices are all among those of the subset it is made of."""
    facts = observation.facts
    if facts is None or not facts.map_style:
        msg = "the dataset is iterable"
        raise CannotTell(msg)
    if facts.misread is None:
        return None
    return Finding(
        slug="subset-of-a-subset",
        severity="error",
        where=facts.misread,
        evidence="all its indices are among those of the subset that it is made of, "
        "where it needs positions in that subset",
    )
