"""A constructor seeds a global generator with a constant."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import FUNCTION
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import MAIN_PROCESS, Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for constructors that leave a global generator in one state in every run.

    A function that seeds by itself, to be reproducible, is right.
    """
    rebuilt = observation.rebuilt
    if rebuilt is None:
        cannot_tell("a loader does not show what its constructors did", FUNCTION)
    if not all(_has_main(seen) for seen in (observation, rebuilt)):
        cannot_tell("the loader was not made a second time")
    one, other = observation.main_census(), rebuilt.main_census()
    found = [
        seeding
        for seeding in observation.seedings
        if one[seeding.generator] == other.get(seeding.generator)
    ]
    if not found:
        return None
    names = sorted({seeding.generator for seeding in found})
    return Diagnosis(
        severity="warning",
        where=found[0].where,
        evidence=f"{found[0].where} seeds {', '.join(names)}, which is in one state "
        "afterwards, whatever its state before",
    )


def _has_main(observation: Observation) -> bool:
    return any(start.worker == MAIN_PROCESS for start in observation.starts)
