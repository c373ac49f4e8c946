"""The sampler shuffles by an epoch number that stays the same."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.orders import repeated_order
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a repeated order of a sampler whose ``set_epoch`` was never called.

    The training loop makes that call, and a loader does not show its loop. Where the call
    does not change the order, no loop helps.
    """
    facts, order = facts_of(observation), evidence.of(repeated_order)
    if order is None or observation.expect.fixed_order:
        return None
    told = None if observation.draws is None else observation.draws.after_set_epoch
    if told is not None and np.array_equal(told[: len(order)], order):
        return Diagnosis(
            severity="warning" if observation.expect.fixed_order is None else "error",
            where=facts.sampler_path,
            evidence=f"{len(observation.orders())} epochs have the same order, and "
            "set_epoch does not change the order",
            title="set_epoch has no effect on the order",
            fix="Draw the order from a generator that is seeded with the epoch, and yield "
            "the indices in that order.",
        )
    if facts.sampler_epoch != 0:
        return None
    if facts.own_iter and observation.expect.fixed_order is None:
        cannot_tell("the `__iter__` of the loader's class may call set_epoch")
    return Diagnosis(
        severity="note" if observation.expect.fixed_order is None else "error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} epochs have the same order: the epoch of "
        "the sampler is 0, and set_epoch was not called",
    )
