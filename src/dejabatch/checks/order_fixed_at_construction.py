"""The sampler shuffled once, when it was made."""

import numpy as np

from dejabatch.checks._orders import repeated_order
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for epochs in one order that differs between two makings of the loader.

    One order in every epoch is right where samples are sorted, by length for example.
    What was drawn when the sampler was made is another order when it is made again.
    """
    facts, order = observation.facts, repeated_order(observation)
    if facts is None or order is None or observation.expect.fixed_order:
        return None
    if facts.shuffles or facts.set_epoch is not None:
        return None
    finding = Finding(
        slug="order-fixed-at-construction",
        severity="error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} epochs have the same {len(order)} indices "
        "in the same order",
    )
    if observation.expect.fixed_order is False:
        return finding
    if observation.rebuilt is None or not observation.rebuilt.orders():
        msg = (
            "every epoch has the same order; audit a function that makes the loader, or "
            "pass expect=Expect(fixed_order=True) if that is meant"
        )
        raise CannotTell(msg)
    again = observation.rebuilt.orders()[0][: len(order)]
    return None if np.array_equal(order, again) else finding
