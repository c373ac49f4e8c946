"""A generator that is copied into every worker, and that nothing seeds there."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dejabatch.observe import rng
from dejabatch.observe.record import MAIN_PROCESS, Fetch, Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for stored generators that start alike and are drawn from alike.

    Alike means the same state before the first batch and the same state after it. A
    generator that is never drawn from does no harm. One that is seeded for each sample is
    in other states after other samples, so that it shows only where a worker began both
    epochs with the same indices: alone, that is no evidence.
    """
    firsts = observation.first_fetches()
    if any(worker == MAIN_PROCESS for _, worker in firsts):
        msg = "there are no workers into which a generator could be copied"
        raise CannotTell(msg)
    if len(firsts) < 2:
        msg = "fewer than two workers and epochs were seen"
        raise CannotTell(msg)

    repeated: dict[str, set[str]] = {}
    ambiguous: set[str] = set()
    for one, other in combinations(sorted(firsts), 2):
        if one[0] == other[0]:
            axis, certain = "worker", True
        elif one[1] == other[1]:
            axis, certain = "epoch", _differ(firsts[one], firsts[other])
        else:
            continue  # another worker in another epoch: implied by the rest
        for path in _alike(observation, one, other):
            if certain or "worker" in repeated.get(path, ()):
                repeated.setdefault(path, set()).add(axis)
            else:
                ambiguous.add(path)
    if not repeated:
        if ambiguous:
            msg = (
                f"{min(ambiguous, key=len)} repeats its epochs, or is seeded for each "
                "sample; shuffle=True would tell"
            )
            raise CannotTell(msg)
        return None

    workers = len({worker for _, worker in firsts})
    by_axis = {
        "worker": f"the {workers} workers draw the same numbers from it",
        "epoch": "a worker draws the same numbers from it in the next epoch",
    }
    path = min(repeated, key=len)
    evidence = " and ".join(text for a, text in by_axis.items() if a in repeated[path])
    if others := sorted(repeated.keys() - {path}):
        evidence += f"; so it is with {', '.join(others)}"
    return Finding(
        slug="rng-object-on-dataset", severity="error", where=path, evidence=evidence
    )


def _differ(one: Fetch, other: Fetch) -> bool:
    """Tell whether two batches were certainly asked for by other indices."""
    if one.indices is None or other.indices is None:
        return False
    return not np.array_equal(one.indices, other.indices)


def _alike(
    observation: Observation, one: tuple[int, int], other: tuple[int, int]
) -> Iterator[str]:
    """Yield the generators that two workers, or two epochs of one, drew from alike."""
    starts, firsts = observation.epoch_starts(), observation.first_fetches()
    for path, start in starts[one].items():
        after = firsts[one].census.get(path)
        if (
            path not in rng.GLOBAL_NAMES
            and start == starts[other].get(path)
            and start != after
            and after == firsts[other].census.get(path)
        ):
            yield path
