"""What is random about the samples was drawn when the dataset was made."""

from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for samples that never vary, but all differ in a dataset made again."""
    answers = answers_of(observation)
    expect = observation.expect
    if answers.random or answers.changes_by_itself or expect.deterministic:
        return None
    if answers.reseeded or answers.moved_first:
        return None
    finding = Finding(
        slug="augmented-once",
        severity="error" if expect.deterministic is False else "warning",
        where="dataset.__init__",
        evidence=f"index {answers.index} is the same whatever the random generators",
    )
    rebuilt, facts = observation.rebuilt, observation.facts
    if rebuilt is None:
        if facts is not None and facts.told_epoch:
            msg = "the dataset has a set_epoch, which your loop calls and this does not"
            raise CannotTell(msg)
        if expect.deterministic is False:
            return finding
        msg = (
            "a loader does not show what was drawn when its dataset was made; audit a "
            "function that makes the loader"
        )
        raise CannotTell(msg)
    if not all(
        any(end.epoch == 0 and end.complete for end in seen.ends)
        for seen in (observation, rebuilt)
    ):
        msg = "no epoch was read to its end"
        raise CannotTell(msg)
    here, there = observation.contents(), rebuilt.contents()
    if here & there or len(here) < 2:
        return None
    evidence = (
        f"{finding.evidence}, but none of {len(here)} samples comes back when the loader "
        "is made again"
    )
    return Finding(finding.slug, finding.severity, finding.where, evidence)
