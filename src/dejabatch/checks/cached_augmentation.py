"""The random part of a sample is drawn once and then kept."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, changed
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that is random the first time and the same from then on."""
    facts, answers = facts_of(observation), answers_of(observation)
    if not answers.kept_parts or observation.expect.deterministic:
        return None
    # The cache of a worker ends with the worker, unless it is on the disk.
    lasts = not facts.num_workers or facts.persistent_workers or answers.writes_files
    part = f"part {answers.kept_parts[0]} of " if answers.kept_parts[0] else ""
    evidence = (
        f"{part}index {answers.index} is random the first time, and the same each of the "
        f"{len(answers.other_states)} times after that"
    )
    if not lasts:
        evidence += ", until its worker ends with the epoch"
    return Diagnosis(
        severity="error" if lasts else "note",
        where=changed(answers, "cache", "container", "array") or "dataset.__getitem__",
        evidence=evidence,
    )
