"""A worker fills a batch with neighbours in its stream, which have one label."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import iterable_style
from dejabatch.evidence.labels import grouped_labels
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for batches of one label each, where the stream is one for training.

    In validation, one fixed order with grouped labels is right. Another order in the
    second epoch shows that the stream shuffles; otherwise only the user knows.
    """
    facts, fixed = iterable_style(observation), observation.expect.fixed_order
    if not facts.data_loader:
        cannot_tell("the dataset is not iterable")
    grouped = evidence.of(grouped_labels)
    if grouped is None or fixed:
        return None
    if fixed is None and observation.repeats() is not False:
        cannot_tell(
            grouped,
            "pass expect=Expect(fixed_order=False) if it is for training, or True if not",
        )
    return Diagnosis(
        severity="warning" if fixed is None else "error",
        where="dataset.__iter__",
        evidence=grouped,
    )
