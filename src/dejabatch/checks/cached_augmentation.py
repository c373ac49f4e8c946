"""The random part of a sample is drawn once and then kept."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, changed
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Answers, Facts, Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a sample that is random the first time and the same from then on."""
    facts, answers = facts_of(observation), answers_of(observation)
    if observation.expect.deterministic:
        return None
    if not answers.kept_parts and not answers.kept_in_store:
        return None
    # The cache of a worker ends with the worker, unless it is on the disk.
    lasts = not facts.num_workers or facts.persistent_workers or answers.writes_files
    if not answers.kept_parts:
        return _stored(answers, facts, lasts=bool(lasts))
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


def _stored(answers: Answers, facts: Facts, *, lasts: bool) -> Diagnosis:
    """Report a random number that is kept beside others that are drawn each time."""
    if facts.dataset_has_set_epoch or facts.dataset_has_epoch:
        cannot_tell("the dataset knows of epochs, and may empty what it keeps")
    path = answers.kept_in_store[0]
    ends = "" if lasts else ", until its worker ends with the epoch"
    return Diagnosis(
        severity="warning" if lasts else "note",
        where=path[: path.rfind("[")] if path.endswith("]") else path,
        evidence=f"the first sample of index {answers.index} draws random numbers into "
        f"{path}, and later samples, which vary, take it from there{ends}",
        title="A part of the augmentation is drawn once and then kept",
    )
