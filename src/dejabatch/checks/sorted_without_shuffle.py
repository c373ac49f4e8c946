"""Samples are sorted by label, and the loader does not shuffle."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.evidence.labels import grouped_labels
from dejabatch.evidence.orders import order_varies
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for batches of one label each, where the loader is one for training.

    Sorted samples without shuffling are right in validation. Random samples, and a batch
    that may be left out, show that the loader is for training; otherwise only the user
    knows.
    """
    facts, fixed = map_style(observation), observation.expect.fixed_order
    grouped = evidence.of(grouped_labels)
    if grouped is None or fixed or facts.shuffles:
        return None
    if evidence.of(order_varies):  # a batch sampler may group labels on purpose
        return None
    if fixed is None and not observation.random and not facts.drop_last:
        cannot_tell(
            grouped,
            "pass expect=Expect(fixed_order=False) if it is for training, or True if not",
        )
    return Diagnosis(
        severity="warning" if fixed is None else "error",
        where=facts.sampler_path,
        evidence=grouped,
    )
