"""Making a sample changes what the dataset has stored of it."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import (
    answers_of,
    changed,
    counts_its_calls,
    edited_object,
    hidden_generator,
)
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

UNLESS = {"rng-object-on-dataset", "stateful-cursor"}

_COPIES = {
    "array": "Edit a copy: call `.copy()` on the array, or `.clone()` on the tensor, "
    "before the edit.",
    "value": "Edit a copy: `copy.deepcopy(record)`, before the numbers in it are replaced.",
    "replaced": "Compute the new value in a local variable, and store nothing in the "
    "dataset.",
    "cache": "Edit a copy of what the cached function returns: call `.copy()` on the array, "
    "or `.clone()` on the tensor, before the edit.",
    "container": "Edit a copy: `copy.deepcopy(record)`, before items are added or removed.",
}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that differs when made again, and stored data that was edited."""
    answers = answers_of(observation)
    if not answers.changes_by_itself or counts_its_calls(answers):
        return None
    found = edited_object(answers)
    kept = changed(answers, "cache")
    if found is None and kept and answers.after_other_index == answers.first:
        found = kept, "cache"  # a mosaic's cache changes the samples of other indices
    if found is None:
        if hidden := hidden_generator(answers):
            cannot_tell(f"{hidden} may draw random numbers from a state out of reach")
        if answers.changed_objects:
            return None  # a cache that grows, such as that of a mosaic
        cannot_tell(
            f"index {answers.index} gives another sample the second time, with all random "
            "generators restored, and what it depends on is out of reach"
        )
    where, kind = found
    again = "gives another sample the second time"
    if answers.error_again:
        again = f"raises {answers.error_again} the second time"
    return Diagnosis(
        severity="error",
        where=where,
        evidence=f"index {answers.index} {again}, with all random generators restored, "
        f"and {where} has changed",
        fix=_COPIES[kind],
    )
