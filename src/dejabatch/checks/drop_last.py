"""The end of the epoch that is dropped is all of it, or much of it."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import complete_epochs, facts_of, whole_epochs
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for epochs without a full batch, and for workers that each drop one."""
    facts = facts_of(observation)
    if not facts.drop_last:
        cannot_tell("drop_last is not set")
    if facts.map_style and observation.fetches:
        return _same_samples(observation)
    if 0 not in complete_epochs(observation):
        cannot_tell("no epoch was read to its end", whole_epochs(observation))
    size = facts.batch_size
    if facts.map_style:
        evidence = "no epoch has a batch: there are fewer samples than batch_size"
    elif size is None:
        cannot_tell("the loader has no batch_size")
    else:
        # The spy lets a stream's workers return the batches that they would drop.
        lengths = np.array(
            [len(f.digests) for f in observation.fetches if f.epoch == 0], dtype=int
        )
        lost = int(lengths[lengths < size].sum())
        if lost < size and not (lost and lost == lengths.sum()):
            return None
        evidence = (
            f"{lost} of {lengths.sum()} samples are dropped in each epoch, because each "
            f"of {max(facts.num_workers, 1)} workers drops its own last batch"
        )
    return Diagnosis(severity="error", where="drop_last", evidence=evidence)


def _same_samples(observation: Observation) -> Diagnosis | None:
    """Look for an evaluation whose last samples come in no epoch."""
    facts, orders = facts_of(observation), observation.orders()
    if not observation.expect.deterministic or facts.length is None or len(orders) < 2:
        return None
    if {0, 1} - set(complete_epochs(observation)):
        return None
    one, *others = map(np.unique, orders)
    same = all(np.array_equal(one, other) for other in others)
    never = facts.length - len(one)
    if not same or not 0 < never < (facts.batch_size or 0) or facts.num_replicas > 1:
        return None
    return Diagnosis(
        severity="error",
        where="drop_last",
        evidence=f"{never} of {facts.length} samples come in no epoch, because all epochs "
        "drop the same last batch",
        title="An evaluation leaves out the last samples",
        fix="Pass `drop_last=False` to the loader that evaluates.",
    )
