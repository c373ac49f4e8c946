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
        return (
            _at_start(observation, answers)
            or _in_collate(observation, answers)
            or _with_the_seed_of_the_worker(answers)
            or _made_alike(observation, answers)
            or _by_index(observation, answers)
        )
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
    shuffled = _shuffled(observation)
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


def _in_collate(observation: Observation, answers: Answers) -> Diagnosis | None:
    """Look for a ``collate_fn`` that seeds global generators."""
    if observation.expect.deterministic:
        return None
    constant, counted = answers.reseeded_by_collate, answers.counted_by_collate
    where = "batch"
    if not constant and (repeats := repeats_of_new_workers(observation)) is not None:
        constant, where = counted, f"first batch of every {repeats}"
    if not constant:
        return None
    return Diagnosis(
        severity="error",
        where="collate_fn",
        evidence=f"{', '.join(constant)} is in one and the same state after each {where}, "
        "whatever its state before",
        title="The collate_fn seeds a random generator",
        fix="Delete the seed in `collate_fn`.",
    )


def _with_the_seed_of_the_worker(answers: Answers) -> Diagnosis | None:
    """Look for samples that seed with ``torch.initial_seed()``, which stays the same."""
    if not answers.reseeded_in_worker:
        return None
    where = _seeding_place(answers)
    return Diagnosis(
        severity="error",
        where=where,
        evidence=f"{', '.join(answers.reseeded_in_worker)} is in one and the same state "
        "after samples of two indices in one process, though it drew in between",
        title="Every sample of a worker draws the same random numbers",
        fix=f"Delete the seed in `{where}`: torch seeds its own generator, Python's and "
        "NumPy's once in every worker.",
    )


def _made_alike(observation: Observation, answers: Answers) -> Diagnosis | None:
    """Look for a generator that each sample or batch makes anew, with one seed."""
    where, each = "dataset.__getitem__", "sample"
    functions = answers.made_alike
    if not functions:
        where, each = "collate_fn", "batch"
        functions = answers.made_alike_by_collate
    if not functions or observation.expect.deterministic:
        return None
    made = f"{functions[0]} makes a generator in the same state for each {each}"
    if observation.expect.deterministic is None and not _shuffled(observation):
        cannot_tell(
            made,
            "pass expect=Expect(deterministic=False) if the samples should get other "
            "random numbers, or True if not",
        )
    return Diagnosis(
        severity="warning",
        where=_seeding_place(answers) if each == "sample" else where,
        evidence=f"{made}, whatever the index and the states of other generators",
        title=f"Each {each} gets the same random numbers",
        fix="Draw from a generator with the epoch and the index in its seed, as "
        "`dejabatch.stream(seed, epoch=epoch, index=index)` gives; pass "
        "`expect=Expect(deterministic=True)` to `audit` if the same numbers are meant.",
    )


def _shuffled(observation: Observation) -> bool:
    """Return whether epochs have other orders, as those of training have."""
    first, *others = observation.orders() or [np.empty(0, np.int64)]
    return any(not np.array_equal(first, other) for other in others)


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
