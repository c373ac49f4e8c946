"""A generator is copied into every worker, and nothing seeds the copies."""

import contextlib

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import changed, counts_its_calls, edited_object
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.generators import (
    diagnose,
    repeated_in_samples,
    same_variation_in_workers,
)
from dejabatch.findings import CannotTell, Diagnosis
from dejabatch.observe.record import Answers, Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for stored generators that repeat themselves."""
    if late := _made_late(observation):
        return late
    libraries = facts_of(observation).library_generators
    found = {
        path: axes
        for path, axes in evidence.of(repeated_in_samples).items()
        if path not in libraries
    }
    return diagnose(found, observation) or _hidden(observation, evidence)


def _made_late(observation: Observation) -> Diagnosis | None:
    """Look for generators that the first sample makes from a constant."""
    facts, answers = facts_of(observation), observation.answers
    if answers is None or not answers.constant_late_generators or not facts.num_workers:
        return None
    if facts.num_workers == 1 and facts.persistent_workers:
        return None
    path = min(answers.constant_late_generators, key=len)
    return Diagnosis(
        severity="error",
        where=path,
        evidence=f"the first sample of each worker makes {path}, in the same state in "
        "every worker and epoch",
        fix="Draw from torch's global generator, which torch seeds in every worker, or "
        "seed the generator with `torch.initial_seed()` where the first sample makes it.",
    )


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
