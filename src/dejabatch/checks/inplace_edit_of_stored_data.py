"""Making a sample changes what the dataset has stored of it."""

from dejabatch.checks._answers import answers_of, changed
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for a sample that differs when made again, and a stored array that changed."""
    answers = answers_of(observation)
    if not answers.changes_by_itself or answers.first == answers.other_first:
        return None
    where = changed(answers, "array")
    # A random generator of C++ code shows in the same way, if its numbers are kept.
    if where is None or (answers.unreachable and answers.after_other != answers.first):
        return None
    return Finding(
        slug="inplace-edit-of-stored-data",
        severity="error",
        where=where,
        evidence=f"index {answers.index} gives another sample the second time, with all "
        f"random generators put back, and {where} has changed",
    )
