"""The dataset counts its calls instead of using the index."""

from dejabatch.checks._answers import answers_of, changed
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for a first sample that is the same for two indices, unlike the second."""
    answers = answers_of(observation)
    if not answers.changes_by_itself or answers.first != answers.other_first:
        return None
    if answers.index == answers.other:
        msg = "only one index was seen"
        raise CannotTell(msg)
    where = changed(answers, "value")
    if where is None and answers.unreachable:
        msg = (
            f"{answers.unreachable[0]} may draw random numbers that nobody can put back"
        )
        raise CannotTell(msg)
    return Finding(
        slug="stateful-cursor",
        severity="error",
        where=where or "dataset.__getitem__",
        evidence=f"indices {answers.index} and {answers.other} give the same sample to "
        "whoever asks first, and another one the next time",
    )
