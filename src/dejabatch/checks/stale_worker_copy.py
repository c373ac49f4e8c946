"""The main process changes its copy of the dataset; workers live on with theirs."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for what changes in the main process alone, from epoch to epoch.

    A stream that counts its own passes needs no number from the main process.
    """
    facts = facts_of(observation)
    if not facts.persistent_workers:
        cannot_tell("workers do not live on from one epoch to the next")
    if observation.unseen_by_workers is None:
        cannot_tell("set_epoch of the dataset could not be tried")
    counts = observation.answers and observation.answers.second_pass_differs
    if not observation.unseen_by_workers or counts:
        return None
    where = observation.unseen_by_workers[0]
    return Diagnosis(
        severity="error",
        where=where,
        evidence=f"{where} gets a new value in the main process, and not in the "
        f"{facts.num_workers} persistent workers",
    )
