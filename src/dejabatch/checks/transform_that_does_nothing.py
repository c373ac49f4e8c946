"""A random transform changes nothing."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of, required
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Answers, Observation

# Random numbers that are always the same can make a transform do nothing.
UNLESS = {"reseed-in-getitem", "cached-augmentation"}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for random transforms of torchvision's without any effect."""
    answers = answers_of(observation)
    idle = required(answers, answers.idle_transforms)
    if not idle:
        return _result_not_used(answers)
    where, *others = idle
    evidence = f"{where} returned its input unchanged, from many random states"
    if others:
        evidence += f"; so did {', '.join(others)}"
    return Diagnosis(severity="warning", where=where, evidence=evidence)


def _result_not_used(answers: Answers) -> Diagnosis | None:
    ignored = answers.ignored_transforms
    if answers.random or answers.seeding_places or not answers.reproducible:
        return None
    if not ignored and answers.drawn_from and answers.other_states:
        cannot_tell(
            f"index {answers.index} draws from {', '.join(answers.drawn_from)}, and is "
            f"the same from {len(answers.other_states)} other states",
            "check that the result of each random transform is used, and how often it is "
            "applied",
        )
    if not ignored:
        return None
    return Diagnosis(
        severity="warning",
        where=ignored[0],
        evidence=f"{ignored[0]} changes its input at random, and index {answers.index} is "
        "the same from many random states",
        title="The result of a random transform is not used",
        fix="Assign the result, as in `image = self.transform(image)`: a transform returns "
        "a new image and leaves its input as it is.",
    )
