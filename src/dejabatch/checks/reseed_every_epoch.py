"""A generator is reseeded at the beginning of every epoch."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.orders import repeated_order
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation

UNLESS = {"reseed-in-getitem"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a shuffling sampler of torch's that repeats its order."""
    facts, order = facts_of(observation), evidence.of(repeated_order)
    if order is None or not facts.shuffles:
        return None
    return Diagnosis(
        severity="error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} shuffled epochs have the same {len(order)} "
        "indices in the same order",
    )
