"""The batch sampler changes a list that it has yielded."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for one list or array yielded as several batches, with workers."""
    facts = map_style(observation, "there is no batch sampler of indices")
    if not facts.batched:
        cannot_tell("there is no batch sampler of indices")
    if facts.num_workers == 0 or not any(end.list_reused for end in observation.ends):
        return None
    return Diagnosis(
        severity="error",
        where=facts.sampler_path,
        evidence="the batch sampler yields one object again and again, and changes it "
        "before it is sent to a worker",
    )
