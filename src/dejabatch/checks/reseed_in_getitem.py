"""Making a sample seeds a random generator with a constant."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.generators import reseeded_in_streams
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation
from dejabatch.state import GLOBAL_NAMES


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for generators in one state after every sample, whatever their state before."""
    if not facts_of(observation).map_style:
        return _in_stream(evidence)
    answers = answers_of(observation)
    if answers.index == answers.other:
        cannot_tell("only one index was seen")
    if not answers.reseeded:
        return None
    where = (
        answers.seeding_places[0] if answers.seeding_places else "dataset.__getitem__"
    )
    return Diagnosis(
        severity="error" if {*answers.reseeded} & {*GLOBAL_NAMES} else "warning",
        where=where,
        evidence=f"{', '.join(answers.reseeded)} is in one and the same state after each "
        "sample, whatever its state before",
        fix=None if answers.several_images else f"Delete the seed in `{where}`.",
    )


def _in_stream(evidence: Evidence[Observation]) -> Diagnosis | None:
    names = evidence.of(reseeded_in_streams)
    if not names:
        return None
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"{', '.join(names)} is in one and the same state after the first batch "
        "of workers or epochs that started in different states, and is drawn from later",
        title="All workers of a stream draw the same random numbers in every epoch",
        fix="Do not seed in `dataset.__iter__`; shuffle with a generator of its own, "
        "such as `random.Random(seed + epoch)`.",
    )
