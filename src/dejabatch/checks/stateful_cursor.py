"""The dataset counts its calls instead of using the index."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, changed
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a first sample that is the same for two indices, unlike the second.

    A queue of a library, which is made for a loader without workers, does no harm there.
    """
    answers = answers_of(observation)
    if not answers.changes_by_itself or answers.first != answers.other_index_first:
        return None
    if answers.index == answers.other:
        cannot_tell("only one index was seen")
    where = changed(answers, "value")
    hidden = answers.unreachable_generators
    if where is None and hidden:
        cannot_tell(f"{hidden[0]} may draw random numbers from a state out of reach")
    facts = facts_of(observation)
    harmless = facts.dataset_library is not None and not facts.num_workers
    return Diagnosis(
        severity="note" if harmless else "error",
        where=where or "dataset.__getitem__",
        evidence=f"the first call returns the same sample for index {answers.index} and "
        f"{answers.other}; the second call returns another",
    )
