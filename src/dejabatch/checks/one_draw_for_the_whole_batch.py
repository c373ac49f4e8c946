"""The collate function augments a batch as a whole."""

from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for copies of a sample that stay alike in a batch, and vary all together."""
    if answers_of(observation).batch_of_copies != "rows vary together":
        return None
    return Finding(
        slug="one-draw-for-the-whole-batch",
        severity="warning",
        where="collate_fn",
        evidence="of four copies of one sample it makes four equal rows, which vary from "
        "batch to batch",
    )
