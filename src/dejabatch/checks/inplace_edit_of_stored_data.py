"""Making a sample changes what the dataset has stored of it."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import (
    answers_of,
    changed,
    counts_its_calls,
    edited_object,
    hidden_generator,
    likeliest_edit,
)
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

UNLESS = {"rng-object-on-dataset", "stateful-cursor"}

_COPIES = {
    "array": "Edit a copy: call `.copy()` on the array, or `.clone()` on the tensor, "
    "before the edit.",
    "value": "Edit a copy: `copy.deepcopy(record)`, before it is changed.",
    "replaced": "Compute the new value in a local variable, and store nothing in the "
    "dataset.",
    "cache": "Edit a copy of what the cached function returns: call `.copy()` on the array, "
    "or `.clone()` on the tensor, before the edit.",
    "moved": "If each reading is not meant to take the next items, reorder a copy, as "
    "`list(items)` makes.",
    "container": "Edit a copy: `copy.deepcopy(record)`, before items are added or removed.",
}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that differs when made again, and stored data that was edited."""
    facts = facts_of(observation)
    if facts.data_loader and not facts.map_style:
        return _edited_by_pass(observation)
    answers = answers_of(observation)
    if collated := likeliest_edit(answers.edited_by_collate, local=True):
        where, kind = collated
        return Diagnosis(
            severity="error",
            where=where,
            evidence=f"collate_fn edits {where}, and a sample that is made again differs",
            fix=_COPIES[kind],
        )
    if not answers.changes_by_itself or counts_its_calls(answers):
        return None
    if answers.kept_in_store:
        return None  # the first sample draws numbers that later ones find in a cache
    found = edited_object(answers)
    kept = None if answers.kept_parts else changed(answers, "cache")
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
        # A list that is rotated gives other items in each epoch.
        severity="note" if kind == "moved" else "error",
        where=where,
        evidence=f"index {answers.index} {again}, with all random generators restored, "
        f"and {where} has changed",
        fix=_COPIES[kind],
    )


def _edited_by_pass(observation: Observation) -> Diagnosis | None:
    """Look for a pass over an iterable dataset that edits what the next pass yields.

    Workers that end with the epoch take their edits with them.
    """
    facts, answers = facts_of(observation), answers_of(observation, again=False)
    if facts.num_workers > 0 and not facts.persistent_workers:
        return None
    edited = answers.edited_by_pass
    # A single number may count the passes.
    found = likeliest_edit(edited, local=len(edited) > 1)
    if found is None:
        return None
    where, kind = found
    return Diagnosis(
        severity="error",
        where=where,
        evidence="a second pass yields other samples, with all random generators restored, "
        f"and {where} has changed",
        fix=_COPIES[kind],
    )
