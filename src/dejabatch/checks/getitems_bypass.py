"""The loader takes another way to a sample than ``dataset[index]``."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for an index with two samples, one by each way, from the same generators."""
    answers = answers_of(observation)
    if answers.changes_by_itself:
        cannot_tell("a sample differs each time it is made")
    if answers.by_getitem in {None, answers.first}:
        return None
    return Diagnosis(
        severity="error",
        where="dataset.__getitems__",
        evidence=f"dataset[{answers.index}] differs from the sample that "
        f"dataset.__getitems__([{answers.index}]) gives to the loader",
    )
