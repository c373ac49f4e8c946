"""The random part of the samples was drawn when the dataset was made."""

from collections.abc import Mapping

from dejabatch.chance import FEWEST_EQUAL
from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import FUNCTION, facts_of
from dejabatch.evidence.frozen import Redrawn, fixed_parts, redrawn
from dejabatch.findings import Diagnosis, Severity, cannot_tell
from dejabatch.observe.record import Answers, Observation

# Share of samples that a random number leaves as they were, where it decides on some.
_SOME = 0.1

UNLESS = {"cached-augmentation", "file-opened-before-fork", "reseed-in-getitem"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for parts of samples that never vary, and differ in a dataset made again."""
    answers = answers_of(observation)
    meant = observation.expect.deterministic
    if meant or answers.changes_by_itself or answers.reseeded or answers.kept_parts:
        return None
    fixed = evidence.of(fixed_parts)
    if not fixed:
        return None
    severity: Severity = "error" if meant is False else "warning"
    if changed := observation.begun_twice.changed:
        cannot_tell(f"the loader's own __iter__ changes {changed[0]}")
    if observation.rebuilt is not None and (drawn := evidence.of(redrawn)):
        return _drawn_when_made(drawn, severity, observation.resembling)
    if answers.random:  # another part of the sample
        return _largest_part(observation) if meant is False else None
    if meant is False:
        return _asked_to_vary(observation)
    if facts_of(observation).dataset_has_set_epoch:
        return _epoch_without_effect(answers)
    if answers.seeding_places:
        cannot_tell(
            f"{answers.seeding_places[0]} makes the same random numbers for an index in "
            "every epoch",
            "pass expect=Expect(deterministic=False) if they should differ, or True if not",
        )
    if observation.rebuilt is None:
        cannot_tell(
            "a loader does not show what was drawn when its dataset was made",
            FUNCTION,
        )
    return None


def _drawn_when_made(
    drawn: Redrawn, severity: Severity, resembling: Mapping[str, bool]
) -> Diagnosis:
    """Report a random part; only a note where all of the data may be random."""
    part = f"part {drawn.part} of each sample" if drawn.part else "each sample"
    seen = (
        f"{part} is the same in every epoch and from all states of the random "
        f"generators, but {drawn.new} of {drawn.compared} are new when the loader is "
        "made again"
    )
    fix = None
    # Random data have no item that stays: a part of their samples that was not drawn
    # again, or some samples that are as they were.
    shows_items = any(resembling.values()) or not resembling
    stays = drawn.unchanged >= max(FEWEST_EQUAL, _SOME * drawn.compared)
    if severity == "warning" and not (shows_items or stays):
        severity = "note"
        seen += ", and none resembles the earlier one"
        fix = (
            "Ignore this if the data themselves are random numbers, as in a test. "
            "Otherwise draw the random part in `__getitem__`."
        )
    return Diagnosis(severity, "dataset.__init__", seen, fix=fix)


def _asked_to_vary(observation: Observation) -> Diagnosis:
    answers = answers_of(observation)
    if facts_of(observation).dataset_has_set_epoch:
        return _epoch_without_effect(answers)
    evidence = f"index {answers.index} is the same whatever the random generators"
    if not answers.seeding_places:
        return Diagnosis("error", "dataset.__init__", evidence)
    where = answers.seeding_places[0]
    return Diagnosis(
        "error",
        where,
        f"{evidence}, because {where} makes or seeds a generator from a number that is "
        "the same in every epoch",
        fix="Make the epoch a part of the seed, as `dejabatch.stream(seed, epoch=epoch, "
        "index=index)` does, or draw from torch's global generator.",
    )


def _epoch_without_effect(answers: Answers) -> Diagnosis:
    """Report a seed without the epoch in a dataset that is told the epoch.

    The samples of other datasets may differ in the next epoch.
    """
    if not answers.seeding_places or answers.set_epoch_changes_samples is not False:
        cannot_tell(
            "the dataset has a set_epoch", "check that your loop calls set_epoch"
        )
    where = answers.seeding_places[0]
    return Diagnosis(
        "warning",
        where,
        f"set_epoch of the dataset changes no sample, and {where} makes or seeds a "
        f"generator: index {answers.index} has the same random numbers in every epoch",
        title="The seed of a sample leaves out the epoch",
        fix="Make the epoch that `set_epoch` stores a part of the seed, as "
        "`dejabatch.stream(seed, epoch=epoch, index=index)` does.",
    )


def _largest_part(observation: Observation) -> Diagnosis | None:
    """Look for an image that never varies, beside a caption that does."""
    answers = answers_of(observation)
    if answers.largest_part not in answers.fixed_parts:
        return None
    return Diagnosis(
        "warning",
        "dataset.__init__",
        f"part {answers.largest_part} of index {answers.index} is the same whatever the "
        "random generators, and other parts vary",
    )
