"""A random transform that changes nothing."""

from dejabatch.checks._answers import answers_of, given
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for random transforms of torchvision's that return what they are given."""
    answers = answers_of(observation)
    idle = given(answers, answers.idle)
    if not idle:
        return None
    where, *others = idle
    evidence = "it returned what it was given, from many random states"
    if others:
        evidence += f"; so did {', '.join(others)}"
    return Finding(
        slug="transform-that-does-nothing",
        severity="warning",
        where=where,
        evidence=evidence,
    )
