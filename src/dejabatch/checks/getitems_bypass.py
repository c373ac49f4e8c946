"""The loader takes another way to a sample than ``dataset[index]``."""

from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for an index with two samples, one by each way, from the same generators."""
    answers = answers_of(observation)
    if answers.changes_by_itself:
        msg = "a sample differs each time it is made"
        raise CannotTell(msg)
    if answers.by_item in {None, answers.first}:
        return None
    return Finding(
        slug="getitems-bypass",
        severity="error",
        where="dataset.__getitems__",
        evidence=f"dataset[{answers.index}] is another sample than the one that "
        f"dataset.__getitems__([{answers.index}]) gives to the loader",
    )
