"""The sampler shuffles by an epoch number that stays the same."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.orders import repeated_order
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a repeated order of a sampler whose ``set_epoch`` was never called.

    The training loop makes that call, and a loader does not show its loop.
    """
    facts, order = facts_of(observation), evidence.of(repeated_order)
    if order is None or facts.sampler_epoch != 0 or observation.expect.fixed_order:
        return None
    return Diagnosis(
        severity="note" if observation.expect.fixed_order is None else "error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} epochs have the same order: the epoch of "
        "the sampler is 0, and set_epoch was not called",
    )
