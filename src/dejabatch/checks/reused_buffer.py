"""All samples of a batch are one object, which holds the last of them."""

from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for a sample that changes when the next one is made."""
    facts = observation.facts
    answers = answers_of(observation, again=False)
    # A sample that changes even when nothing else is made has another cause.
    if not answers.overwritten or answers.changes_by_itself or facts is None:
        return None
    largest = max(len(fetch.digests) for fetch in observation.fetches)
    if facts.batched and largest == 1:
        msg = "samples overwrite each other, but every batch has one sample"
        raise CannotTell(msg)
    method = "__getitem__" if facts.map_style else "__iter__"
    return Finding(
        slug="reused-buffer",
        severity="error" if facts.batched or facts.num_workers else "warning",
        where=answers.held[0] if answers.held else f"dataset.{method}",
        evidence="a sample changed its content when the next one was made",
    )
