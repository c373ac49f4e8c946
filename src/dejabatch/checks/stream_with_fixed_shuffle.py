"""A stream shuffles in one and the same way in every epoch."""

from collections.abc import Sequence

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import iterable_style, more_epochs
from dejabatch.evidence.orders import delivered_otherwise
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

UNLESS = {"itertools-cycle"}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for epochs with the same samples in the same order.

    Many streams are meant to have one order. Where only new workers bring another order,
    the stream was shuffled when its workers started; otherwise only the user knows. A
    loader whose own ``__iter__`` sets the epoch is right.
    """
    facts, fixed = iterable_style(observation), observation.expect.fixed_order
    repeats = observation.repeats()
    if repeats is None:
        cannot_tell(
            "fewer than two epochs of ten samples that differ were read",
            more_epochs(observation),
        )
    if not repeats or fixed or delivered_otherwise(observation):
        return None
    owner = "dataset" if facts.data_loader else "loader"
    title = None if facts.data_loader else "A loader shuffles alike in every epoch"
    restarted = observation.restarted
    at_start = restarted is not None and restarted.repeats() is False
    if _counts_epochs(observation):
        return Diagnosis(
            severity="error",
            where="dataset.__iter__",
            evidence="a second pass over the dataset in one process has another order, but "
            "both epochs of the loader have the same: new workers start with a copy that "
            "has made no pass",
            fix="Pass the epoch from the main process, with a `set_epoch` that the loop "
            "calls before each epoch, or set `persistent_workers=True`.",
        )
    told = observation.answers and observation.answers.set_epoch_changes_order
    if not at_start and facts.dataset_has_set_epoch and told is False:
        return Diagnosis(
            severity="error" if fixed is False else "warning",
            where="dataset.set_epoch",
            evidence="both epochs have the same samples in the same order, and set_epoch "
            "of the dataset does not change the order",
            fix="Seed the generator that shuffles with the run's seed and the epoch that "
            "`set_epoch` has stored. If a dataset inside shuffles, call its `set_epoch`.",
        )
    if not at_start and facts.dataset_has_set_epoch:
        cannot_tell(
            "the dataset has a set_epoch", "check that your loop calls set_epoch"
        )
    if not at_start and _shuffled_when_made(observation):
        return Diagnosis(
            severity="error" if fixed is False else "warning",
            where=f"{owner}.__init__",
            title=title,
            evidence="all epochs have the same samples in the same order, which is another "
            "one when the loader is made again",
            fix="Shuffle in `__iter__`, with a generator that differs in each epoch; or "
            "pass `expect=Expect(fixed_order=True)` to `audit` if one order is meant.",
        )
    if not at_start and fixed is None:
        answers = observation.answers
        if answers and answers.seeding_places and not facts.dataset_has_epoch:
            seeding = answers.seeding_places
            if answers.starts_over_after:
                return _starts_over(answers.starts_over_after, seeding)
            if not answers.endless:
                return _seeded_in_each_pass(f"{owner}.__iter__", seeding, title)
        cannot_tell(
            "all epochs have the same samples in the same order",
            "pass expect=Expect(fixed_order=False) if they should not, or True if they "
            "should",
        )
    samples = sum(len(stream) for stream in observation.streams().values())
    evidence = f"both epochs have the same {samples} samples in the same order"
    if at_start:
        evidence += ", and with new workers they do not"
    return Diagnosis(severity="error", where="dataset.__iter__", evidence=evidence)


def _seeded_in_each_pass(
    where: str, functions: Sequence[str], title: str | None
) -> Diagnosis:
    return Diagnosis(
        severity="warning",
        where=where,
        title=title,
        evidence="all epochs have the same samples in the same order, and in each pass "
        f"{', '.join(functions)} makes or seeds a generator",
        fix="Make the epoch a part of the seed, or make the generator before the first "
        "epoch; or pass `expect=Expect(fixed_order=True)` to `audit` if one order is "
        "meant.",
    )


def _starts_over(samples: int, functions: Sequence[str]) -> Diagnosis:
    return Diagnosis(
        severity="warning",
        where="dataset.__iter__",
        evidence=f"a pass never ends: after {samples} samples, the same samples come again "
        f"in the same order, and {', '.join(functions)} makes or seeds a generator",
        title="An endless stream has the same order in every round",
        fix="Make the generator once, before the loop that never ends; or pass "
        "`expect=Expect(fixed_order=True)` to `audit` if one order is meant.",
    )


def _shuffled_when_made(observation: Observation) -> bool:
    """Return whether another making has the same samples in another order."""
    rebuilt = observation.rebuilt
    if rebuilt is None:
        return False
    # An endless stream is cut somewhere in one of its rounds.
    whole = observation.answers and observation.answers.starts_over_after
    one, other = (
        [row.tobytes() for stream in seen.streams().values() for row in stream[:whole]]
        for seen in (observation, rebuilt)
    )
    return one != other and sorted(one) == sorted(other)


def _counts_epochs(observation: Observation) -> bool:
    """Return whether the stream itself counts its passes, in workers that end."""
    facts, answers = iterable_style(observation), observation.answers
    in_new_workers = facts.num_workers > 0 and not facts.persistent_workers
    return bool(in_new_workers and answers and answers.second_pass_differs)
