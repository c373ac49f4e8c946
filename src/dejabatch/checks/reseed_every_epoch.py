"""A generator is reseeded at the beginning of every epoch."""

import numpy as np

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
    if order is None:
        return None
    if facts.sampler_has_set_epoch:  # the training loop sets the epoch
        return None
    if not facts.shuffles:
        return _by_own_generator(observation)
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


def _by_own_generator(observation: Observation) -> Diagnosis | None:
    """Look for a sampler that makes its generator from one seed in each epoch."""
    facts, draws = facts_of(observation), observation.draws
    fixed = observation.expect.fixed_order
    if draws is None or not draws.seeding_functions or fixed:
        return None
    first, *others = draws.epochs
    if not others or not all(np.array_equal(first, other) for other in others):
        return None
    return Diagnosis(
        severity="warning" if fixed is None else "error",
        where=facts.sampler_path,
        evidence=f"{len(draws.epochs)} epochs have the same {len(first)} indices in the "
        f"same order: {draws.seeding_functions[0]} seeds a generator in each epoch",
        fix="Make the sampler's generator once, in `__init__`, and draw every epoch's order "
        "from it; pass `expect=Expect(fixed_order=True)` to `audit` if one order is meant.",
    )
