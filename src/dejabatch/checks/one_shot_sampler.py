"""The sampler has one pass."""

from dejabatch.checks._exhausted import empty_epochs
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for a sampler that is an iterator, or for an epoch without batches."""
    facts = observation.facts
    if facts is None or not facts.map_style:
        msg = "an iterable dataset has no sampler"
        raise CannotTell(msg)
    if facts.one_shot:
        evidence = f"the sampler is a {facts.sampler}, which has one pass"
    elif empty := empty_epochs(observation):
        evidence = f"epoch {empty[0]}, counted from 0, has no batch"
    else:
        return None
    return Finding(
        slug="one-shot-sampler",
        severity="error",
        where=facts.sampler_path,
        evidence=evidence,
    )
