"""The batch sampler changes a list that it has yielded."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for one list yielded as several batches, with workers."""
    facts = observation.facts
    if facts is None or not facts.map_style or not facts.batched:
        msg = "there is no batch sampler of indices"
        raise CannotTell(msg)
    if facts.num_workers == 0 or not any(end.reused for end in observation.ends):
        return None
    return Finding(
        slug="batch-sampler-reuses-its-list",
        severity="error",
        where=facts.sampler_path,
        evidence="it yields one list again and again, which changes before it is sent to "
        "a worker",
    )
