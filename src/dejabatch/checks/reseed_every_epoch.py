"""A generator is reseeded at the beginning of every epoch."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.orders import repeated_order, reseeded_by_sampler
from dejabatch.findings import CannotTell, Diagnosis
from dejabatch.observe.record import Observation

UNLESS = {"reseed-in-getitem"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a shuffling sampler of torch's that repeats its order.

    A sampler of one's own is found where it seeds a global generator in every epoch.
    """
    facts = facts_of(observation)
    names = evidence.of(reseeded_by_sampler)
    if names:
        return _by_sampler(names, observation, evidence)
    order = evidence.of(repeated_order)
    if order is None or not facts.shuffles:
        return None
    return Diagnosis(
        severity="error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} shuffled epochs have the same {len(order)} "
        "indices in the same order",
    )


def _by_sampler(
    names: tuple[str, ...], observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis:
    facts = facts_of(observation)
    try:
        repeats = evidence.of(repeated_order) is not None
    except CannotTell:
        repeats = False
    text = f"the sampler leaves {', '.join(names)} in the same state in every epoch"
    if repeats:
        text += ", and the order is the same"
    meant = observation.expect.fixed_order is not False
    return Diagnosis(
        severity="warning" if meant and not repeats else "error",
        where=facts.sampler_path,
        evidence=text,
        title=None if repeats else "The sampler resets the random seed in every epoch",
        fix="Seed a generator of the sampler's own once, in its `__init__`, and draw "
        "the order from this generator.",
    )
