"""itertools.cycle replays the batches of its first pass."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation
from dejabatch.periods import period


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a cycle over batches that another making of the loader does not have.

    Without order and augmentation at random, a new pass would have the same batches.
    """
    facts, rebuilt = facts_of(observation), observation.rebuilt
    if facts.shuffled_cycles:
        where = f"loader.{facts.shuffled_cycles[0]}"
        return Diagnosis(
            severity="warning",
            where=where,
            evidence=f"{where} is an itertools.cycle, which stores the batches of its first "
            "pass, over a DataLoader that shuffles",
        )
    if facts.dataset != "itertools.cycle" or observation.expect.deterministic:
        return None
    batches = _batches(observation)
    if rebuilt is not None and _batches(rebuilt) == batches[: len(rebuilt.fetches)]:
        return None
    seen = "the batches come from itertools.cycle, which stores those of the first pass"
    if size := period(batches):
        seen = f"itertools.cycle repeats the first {size} batches"
    if rebuilt is not None:
        seen += "; when the loader is made again, it has others"
    return Diagnosis(
        severity="error" if rebuilt is not None else "warning",
        where="loader",
        evidence=seen,
    )


def _batches(observation: Observation) -> list[bytes]:
    return [fetch.digests.tobytes() for fetch in observation.fetches]
