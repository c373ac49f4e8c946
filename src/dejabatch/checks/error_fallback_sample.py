"""An error is hidden behind another sample."""

from dejabatch.checks._answers import answers_of, given
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for a sample that came from elsewhere after an exception."""
    answers = answers_of(observation)
    swallowed = given(answers, answers.swallowed)
    if not swallowed:
        return None
    index, name = next(iter(swallowed.items()))
    return Finding(
        slug="error-fallback-sample",
        severity="error",
        where="dataset.__getitem__",
        evidence=f"index {index} raises {name}, which is caught, and gives the sample of "
        f"another index; so do {len(swallowed)} of the indices that were tried",
    )
