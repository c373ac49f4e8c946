"""A generator is copied into every worker, and nothing seeds the copies."""

import contextlib

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import changed, counts_its_calls, edited_object
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.generators import (
    diagnose,
    diagnose_late,
    repeated_in_samples,
    same_variation_in_workers,
)
from dejabatch.findings import CannotTell, Diagnosis
from dejabatch.observe.record import Answers, Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for stored generators that repeat themselves."""
    answers = observation.answers
    made_late = () if answers is None else answers.constant_late_generators
    if late := diagnose_late(observation, made_late, "sample"):
        return late
    libraries = facts_of(observation).library_generators
    found = {
        path: axes
        for path, axes in evidence.of(repeated_in_samples).items()
        if path not in libraries
    }
    return diagnose(found, observation) or _hidden(observation, evidence)


def _hidden(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a generator that no path leads to."""
    answers = observation.answers
    if answers is None or not answers.changes_by_itself or _edits_state(answers):
        return None
    with contextlib.suppress(CannotTell):
        if same := evidence.of(same_variation_in_workers):
            return Diagnosis(
                severity="error",
                where="dataset.__getitem__",
                evidence=f"{same}, from a generator that no attribute holds",
            )
    return None


def _edits_state(answers: Answers) -> bool:
    """Return whether stored state explains that the sample changes by itself."""
    if edited_object(answers) is not None:
        return True
    hidden = answers.unreachable_generators and changed(answers, "value") is None
    return counts_its_calls(answers) and not hidden
