"""The weighted sampler has a weight for each class in place of one for each sample."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for fewer weights than samples: the samples beyond them are never drawn."""
    facts = facts_of(observation)
    if facts.num_weights is None or facts.length is None:
        cannot_tell("there is no WeightedRandomSampler")
    if facts.num_weights >= facts.length:
        return None
    return Diagnosis(
        severity="error",
        where=f"{facts.sampler_path}.weights",
        evidence=f"there are {facts.num_weights} weights for {facts.length} samples, so "
        f"that only indices 0 to {facts.num_weights - 1} are ever drawn",
    )
