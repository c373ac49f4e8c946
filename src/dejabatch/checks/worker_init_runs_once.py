"""A worker_init_fn sets state once, for all epochs of a persistent worker."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of, more_epochs
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for samples that repeat with persistent workers, and with no others."""
    facts, answers = facts_of(observation), observation.answers
    if not facts.persistent_workers or not facts.worker_init_fn:
        cannot_tell("the loader has no persistent workers, or no worker_init_fn")
    repeats = observation.repeats()
    if repeats is None:
        cannot_tell(
            "fewer than ten samples that differ came in two epochs",
            more_epochs(observation),
        )
    if not repeats or not facts.map_style or observation.expect.deterministic:
        return None
    restarted = observation.restarted
    if restarted is None or restarted.repeats() is None:
        cannot_tell("the loader was not read with new workers")
    if restarted.repeats():
        return None
    if answers is not None and {*answers.other_states_first} - {answers.first}:
        return None  # random, and then kept in a cache
    return Diagnosis(
        severity="error",
        where="worker_init_fn",
        evidence=f"{len(observation.by_index(0))} indices have the same samples in both "
        "epochs, and different ones when each epoch starts new workers",
    )
