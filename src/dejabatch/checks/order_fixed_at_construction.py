"""The sampler, or the dataset, shuffled once, when it was made."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import FUNCTION, facts_of
from dejabatch.evidence.frozen import reordered
from dejabatch.evidence.orders import (
    batches_of,
    not_cut_otherwise,
    repeated_batches,
    repeated_order,
)
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

UNLESS = {"reseed-every-epoch"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for epochs in one order that differs when the loader is made again.

    One order in every epoch is right where samples are sorted, for example by length.
    A sampler that shuffles when it is made has another order when it is made again.
    """
    facts, order = facts_of(observation), evidence.of(repeated_order)
    fixed, rebuilt = observation.expect.fixed_order, observation.rebuilt
    if fixed:
        return None
    if order is None:
        return _fixed_batches(observation, evidence) or _shuffled_dataset(
            observation, evidence
        )
    if facts.shuffles or facts.sampler_epoch is not None:
        return None
    if fixed is None and (rebuilt is None or not rebuilt.orders()):
        cannot_tell(
            "every epoch has the same order",
            f"{FUNCTION}, or pass expect=Expect(fixed_order=True) if that is meant",
        )
    if fixed is None and rebuilt is not None:
        again = rebuilt.orders()[0][: len(order)]
        if np.array_equal(order, again):
            return None
    return Diagnosis(
        severity="error",
        where=facts.sampler_path,
        evidence=f"{len(observation.orders())} epochs have the same {len(order)} indices "
        "in the same order",
    )


def _shuffled_dataset(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for samples that another making has under other indices, read in one order.

    A list of files that is shuffled with a seed of its own is right for validation.
    """
    if observation.rebuilt is None or not observation.rebuilt.orders():
        return None
    first, *others = observation.orders()
    if facts_of(observation).shuffles or not others:
        return None
    if any(not np.array_equal(first, other) for other in others):
        return None
    found = evidence.of(reordered)
    if found is None:
        return None
    samples = f"part {found.part} of the samples" if found.part else "the samples"
    meant = observation.expect.fixed_order is None
    return Diagnosis(
        severity="warning" if meant else "error",
        where="dataset.__init__",
        evidence=f"{samples} of {found.moved} of {found.compared} indices change places "
        "when the loader is made again, and every epoch has the same order",
        fix="Let the loader shuffle in each epoch: `DataLoader(..., shuffle=True)`. If one "
        "order is meant, shuffle the list with `random.Random(seed)`, or pass "
        "`expect=Expect(fixed_order=True)` to `audit`.",
    )


def _fixed_batches(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for batches that were cut when the loader was made, and only change places.

    Batches of neighbours, or of samples of one length, are the same in every making.
    """
    facts, rebuilt = facts_of(observation), observation.rebuilt
    batches = evidence.of(repeated_batches)
    if not batches:
        return None
    if rebuilt is None or rebuilt.facts is None:
        if observation.expect.fixed_order is None:
            cannot_tell(
                "the batches of every epoch hold the same indices",
                f"{FUNCTION}, or pass expect=Expect(fixed_order=True) if that is meant",
            )
    elif rebuilt.facts.subset != facts.subset or not_cut_otherwise(
        batches, batches_of(rebuilt, 0)
    ):
        return None
    return Diagnosis(
        severity="warning",
        where=facts.sampler_path,
        evidence=f"{len(batches)} batches hold the same indices in every epoch, only "
        "their order changes",
        title="Samples come with the same neighbours in every epoch",
        fix="Shuffle the indices and cut them into batches in the sampler's `__iter__`, "
        "not in its `__init__`.",
    )
