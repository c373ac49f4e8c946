"""A generator is put back at the beginning of every epoch."""

from dejabatch.checks import reseed_in_getitem
from dejabatch.checks._orders import repeated_order
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for a shuffling sampler of torch's that repeats its order."""
    facts, order = observation.facts, repeated_order(observation)
    if facts is None or order is None or not facts.shuffles:
        return None
    try:
        if reseed_in_getitem.check(observation):
            return None
    except CannotTell:
        pass
    return Finding(
        slug="reseed-every-epoch",
        severity="error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} shuffled epochs have the same {len(order)} "
        "indices in the same order",
    )
