"""The collate function augments a batch as a whole."""

from dejabatch.checks._answers import answers_of
from dejabatch.observe.experiments.ask_again import COPIES
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for copies of a sample that stay alike in a batch, and vary all together."""
    rows = answers_of(observation).batch_of_copies
    if rows == "rows are unclear":
        msg = "collate_fn makes no batch with a part for each sample"
        raise CannotTell(msg)
    if rows != "rows vary together":
        return None
    return Finding(
        slug="one-draw-for-the-whole-batch",
        severity="warning",
        where="collate_fn",
        evidence=f"of {COPIES} copies of one sample it makes {COPIES} equal rows, which vary "
        "from batch to batch",
    )
