"""Making a sample seeds a random generator with a constant."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.generators import repeats_of_new_workers, reseeded_in_streams
from dejabatch.findings import Diagnosis, Severity, cannot_tell
from dejabatch.observe.record import Answers, Observation
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
        return _at_start(observation, answers) or _by_index(observation, answers)
    where = _seeding_place(answers)
    return Diagnosis(
        severity="error" if {*answers.reseeded} & {*GLOBAL_NAMES} else "warning",
        where=where,
        evidence=f"{', '.join(answers.reseeded)} is in one and the same state after each "
        "sample, whatever its state before",
        fix=None if answers.several_images else f"Delete the seed in `{where}`.",
    )


def _seeding_place(answers: Answers) -> str:
    return next(iter(answers.seeding_places), "dataset.__getitem__")


def _by_index(observation: Observation, answers: Answers) -> Diagnosis | None:
    """Look for global generators that are seeded with a number made of the index."""
    names, meant = answers.reseeded_by_index, observation.expect.deterministic
    if not names or meant:
        return None
    facts = facts_of(observation)
    seeding = ", ".join(names)
    if facts.dataset_has_set_epoch or facts.dataset_has_epoch:
        cannot_tell(
            f"a sample seeds {seeding} with a number made of its index",
            "check that your loop sets the epoch, and that the seed contains the epoch",
        )
    # Programs shuffle for training, where the augmentation should be new in each epoch.
    first, *others = observation.orders() or [np.empty(0, np.int64)]
    shuffled = any(not np.array_equal(first, other) for other in others)
    if facts.num_workers and meant is None and not shuffled:
        cannot_tell(
            f"a sample seeds {seeding} with a number made of its index",
            "pass expect=Expect(deterministic=False) if epochs should differ, or True if "
            "not",
        )
    # Without workers, the seed resets the generators of the program as well.
    severity: Severity = "warning" if shuffled else "note"
    return Diagnosis(
        severity="error" if meant is False else severity,
        where=_seeding_place(answers),
        evidence=f"{seeding} is in one and the same state after each sample of index "
        f"{answers.index}, whatever its state before",
        title="Each sample gets the same augmentation in every epoch",
        fix="Draw from a generator of its own, with the epoch in its seed, as "
        "`dejabatch.stream(seed, epoch=epoch, index=index)` gives; pass "
        "`expect=Expect(deterministic=True)` to `audit` if each epoch is meant to be the "
        "same.",
    )


def _at_start(observation: Observation, answers: Answers) -> Diagnosis | None:
    """Look for a first sample that undoes torch's seeds, which are new in each epoch."""
    names, where = answers.reseeded_at_start, repeats_of_new_workers(observation)
    if not names or where is None:
        return None
    return Diagnosis(
        severity="error",
        where=_seeding_place(answers),
        evidence=f"the first sample of each worker leaves {', '.join(names)} in the same "
        f"state in every {where}, whatever the state before",
        title=f"The first sample seeds every {where} alike",
        fix="Delete the seed: torch seeds its own generator, Python's and NumPy's in every "
        "worker, with a number that is new in each epoch.",
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
