"""Making a sample seeds a random generator with a constant."""

from dejabatch.checks._answers import answers_of
from dejabatch.state import generators as rng
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for generators in one state after every sample, whatever their state before."""
    answers = answers_of(observation)
    if answers.index == answers.other:
        msg = "only one index was seen"
        raise CannotTell(msg)
    if not answers.reseeded:
        return None
    reseeded = ", ".join(answers.reseeded)
    shuffles = set(answers.reseeded) & set(rng.GLOBAL_NAMES)
    return Finding(
        slug="reseed-in-getitem",
        severity="error" if shuffles else "warning",
        where="dataset.__getitem__",
        evidence=f"{reseeded} is in one and the same state after each sample, whatever "
        "its state before",
    )
