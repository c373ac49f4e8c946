"""What is random about a sample is drawn once and then kept."""

from dejabatch.checks._answers import answers_of, changed
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for a sample that is random the first time and the same ever after."""
    facts, answers = observation.facts, answers_of(observation)
    kept = {answers.second, *answers.moved} == {answers.first}
    if facts is None or not kept or not answers.moved_first:
        return None
    if observation.expect.deterministic:
        return None
    # The cache of a worker ends with the worker.
    lasts = facts.num_workers == 0 or facts.persistent_workers
    evidence = (
        f"index {answers.index} is random when it is made first, and the same in each of "
        f"{len(answers.moved)} times after it"
    )
    if not lasts:
        evidence += ", until its worker ends with the epoch"
    return Finding(
        slug="cached-augmentation",
        severity="error" if lasts else "note",
        where=changed(answers, "cache", "container", "array") or "dataset.__getitem__",
        evidence=evidence,
    )
