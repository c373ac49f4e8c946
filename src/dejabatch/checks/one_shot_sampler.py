"""The sampler has one pass."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.evidence.orders import empty_epochs
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sampler that is an iterator, or for an epoch without batches."""
    facts = map_style(observation, "an iterable dataset has no sampler")
    if facts.one_shot:
        seen = f"the sampler is a {facts.sampler}, which has one pass"
    elif empty := evidence.of(empty_epochs):
        seen = f"epoch {empty[0]}, counted from 0, has no batch"
    else:
        return None
    return Diagnosis(severity="error", where=facts.sampler_path, evidence=seen)
