"""The sampler shuffled once, when it was made."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import FUNCTION, facts_of
from dejabatch.evidence.orders import repeated_order
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

UNLESS = {"reseed-every-epoch"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for epochs in one order that differs when the loader is made again.

    One order in every epoch is right where samples are sorted, for example by length.
    A sampler that shuffles when it is made has another order when it is made again.
    """
    facts, order = facts_of(observation), evidence.of(repeated_order)
    fixed, rebuilt = observation.expect.fixed_order, observation.rebuilt
    if order is None or fixed:
        return None
    if facts.shuffles or facts.sampler_epoch is not None:
        return None
    if fixed is None and (rebuilt is None or not rebuilt.orders()):
        cannot_tell(
            "every epoch has the same order",
            f"{FUNCTION}, or pass expect=Expect(fixed_order=True) if that is meant",
        )
    if fixed is None and rebuilt is not None:
        again = rebuilt.orders()[0][: len(order)]
        if np.array_equal(order, again):
            return None
    return Diagnosis(
        severity="error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} epochs have the same {len(order)} indices "
        "in the same order",
    )
