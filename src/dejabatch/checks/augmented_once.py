"""The random part of the samples was drawn when the dataset was made."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import FUNCTION, complete_epochs, facts_of, whole_epochs
from dejabatch.findings import Diagnosis, Severity, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for samples that never vary, and all differ in a dataset made again."""
    answers = answers_of(observation)
    meant = observation.expect.deterministic
    if answers.random or answers.changes_by_itself or meant:
        return None
    if answers.reseeded or answers.other_states_first:
        return None
    severity: Severity = "error" if meant is False else "warning"
    evidence = f"index {answers.index} is the same whatever the random generators"
    rebuilt = observation.rebuilt
    if rebuilt is None:
        if facts_of(observation).dataset_has_set_epoch:
            cannot_tell(
                "the dataset has a set_epoch", "check that your loop calls set_epoch"
            )
        if meant is False:
            return Diagnosis(severity, "dataset.__init__", evidence)
        cannot_tell(
            "a loader does not show what was drawn when its dataset was made",
            FUNCTION,
        )
    if any(0 not in complete_epochs(seen) for seen in (observation, rebuilt)):
        cannot_tell("no epoch was read to its end", whole_epochs(observation))
    here, there = observation.contents(), rebuilt.contents()
    if here & there or len(here) < 2:
        return None
    evidence += (
        f", but none of {len(here)} samples comes back when the loader is made again"
    )
    return Diagnosis(severity, "dataset.__init__", evidence)
