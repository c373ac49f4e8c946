"""The sampler shuffles by an epoch number that stays the same."""

from dejabatch.checks._orders import repeated_order
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for a repeated order of a sampler whose ``set_epoch`` was never called.

    The call belongs into the training loop, which no loader shows.
    """
    facts, order = observation.facts, repeated_order(observation)
    if facts is None or order is None or facts.set_epoch != 0:
        return None
    if observation.expect.fixed_order:
        return None
    return Finding(
        slug="no-set-epoch",
        severity="note" if observation.expect.fixed_order is None else "error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} epochs have the same order, since its epoch "
        "is 0 and nothing has set another",
    )
