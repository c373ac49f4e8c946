"""What is dropped at the end of an epoch is all of it, or much of it."""

import numpy as np

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for epochs without a full batch, and for workers that each drop one."""
    facts = observation.facts
    if facts is None or not facts.drop_last:
        msg = "drop_last is not set"
        raise CannotTell(msg)
    complete = {end.epoch for end in observation.ends if end.complete}
    if 0 not in complete:
        msg = "no epoch was read to its end"
        raise CannotTell(msg)
    size = facts.batch_size
    if facts.map_style:
        if observation.fetches:
            return None
        evidence = "no epoch has a batch: there are fewer samples than batch_size"
    elif size is None:
        msg = "it has no batch_size"
        raise CannotTell(msg)
    else:
        # The spy lets a stream's workers give what they would drop.
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
    return Finding(
        slug="drop-last",
        severity="error",
        where="drop_last",
        evidence=evidence,
    )
