"""The weighted sampler has a weight for each class in place of one for each sample."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for fewer weights than samples: the samples beyond them are never drawn."""
    facts = observation.facts
    if facts is None or facts.weights is None or facts.length is None:
        msg = "there is no WeightedRandomSampler"
        raise CannotTell(msg)
    if facts.weights >= facts.length:
        return None
    return Finding(
        slug="class-weights-as-sample-weights",
        severity="error",
        where=f"{facts.sampler_path}.weights",
        evidence=f"there are {facts.weights} weights for {facts.length} samples, so that "
        f"only indices 0 to {facts.weights - 1} are ever drawn",
    )
