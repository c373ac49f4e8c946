"""All samples of a batch are one object, which holds the last of them."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that changes when the next one is made."""
    facts = facts_of(observation)
    answers = answers_of(observation, again=False)
    if answers.overwritten_by_collate and not answers.overwritten:
        return Diagnosis(
            severity="error" if facts.num_workers else "warning",
            where="collate_fn",
            evidence="the content of a batch changed when collate_fn made the next one",
            title="A batch is overwritten by the next batch",
            fix="Make a new tensor for each batch, or return `buffer.clone()`.",
        )
    # A sample that changes even when no other is made has another cause.
    if not answers.overwritten or answers.changes_by_itself:
        return None
    largest = max(len(fetch.digests) for fetch in observation.fetches)
    if facts.batched and largest == 1:
        cannot_tell(
            "samples overwrite each other, but every batch has one sample",
            "audit a larger batch_size",
        )
    method = "__getitem__" if facts.map_style else "__iter__"
    held = answers.held_by_dataset
    fix = None
    if not held and not facts.map_style:
        fix = "Yield a copy of the array or list that the next sample changes."
    return Diagnosis(
        severity="error" if facts.batched or facts.num_workers else "warning",
        where=held[0] if held else f"dataset.{method}",
        evidence="the content of a sample changed when the next sample was made",
        fix=fix,
    )
