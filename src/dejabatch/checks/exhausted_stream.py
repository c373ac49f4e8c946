"""The iterable dataset has one pass."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import iterable_style
from dejabatch.evidence.orders import empty_epochs
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for an epoch without batches."""
    facts = iterable_style(observation)
    ended = {end.epoch for end in observation.ends if end.complete}
    # An iterator that is reset at its end, as those of DALI are, has another pass.
    again = any(fetch.epoch - 1 in ended for fetch in observation.fetches)
    copied = facts.num_workers > 0 and not facts.persistent_workers
    if facts.one_shot and not again and not copied:
        if not ended and facts.length is None:  # an endless one needs no other pass
            cannot_tell("no pass was read to its end")
        seen = "the dataset is an iterator, which has one pass"
    elif empty := evidence.of(empty_epochs):
        seen = f"epoch {empty[0]}, counted from 0, has no batch"
    else:
        return None
    return Diagnosis(
        severity="error",
        where="dataset.__iter__" if facts.data_loader else "loader",
        evidence=seen,
    )
