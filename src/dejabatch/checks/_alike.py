"""Generators that start alike and are drawn from alike, in several workers or epochs.

Alike means the same state before the first batch and the same state after it. A generator
that is never drawn from does no harm.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Literal

import numpy as np

from dejabatch.observe.record import MAIN_PROCESS, Fetch, Observation
from dejabatch.report import CannotTell

Axis = Literal["worker", "epoch"]


def repeated(observation: Observation) -> Mapping[str, set[Axis]]:
    """Return the generators that repeat themselves, each with how.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What was seen.

    Returns
    -------
    mapping of str to set of {"worker", "epoch"}
        By path. A generator that is seeded for each sample is in other states after other
        samples, so that it shows only where a worker began both epochs with the same
        indices. It is here only if the sample depends on its state before.

    Raises
    ------
    CannotTell
        If there are no workers, if only one of them was seen in one epoch, or if it
        remains open whether a generator is seeded for each sample.
    """
    firsts = observation.first_fetches()
    if any(worker == MAIN_PROCESS for _, worker in firsts):
        msg = "there are no workers into which a generator could be copied"
        raise CannotTell(msg)
    if len(firsts) < 2:
        msg = "fewer than two workers and epochs were seen"
        raise CannotTell(msg)

    found: dict[str, set[Axis]] = {}
    open_: set[str] = set()
    answers = observation.answers
    matters = set() if answers is None else set(answers.depends_on)
    for one, other in combinations(sorted(firsts), 2):
        axis: Axis
        if one[0] == other[0]:
            axis, certain = "worker", True
        elif one[1] == other[1]:
            axis, certain = "epoch", _differ(firsts[one], firsts[other])
        else:
            continue  # another worker in another epoch: implied by the rest
        for path in _alike(observation, one, other):
            if axis == "worker" and _decides_on_an_order(observation, one, path):
                continue
            if certain or path in matters or "worker" in found.get(path, ()):
                found.setdefault(path, set()).add(axis)
            else:
                open_.add(path)
    if open_ and not found:
        msg = (
            f"{min(open_, key=len)} repeats its epochs, or is seeded for each "
            "sample; shuffle=True would tell"
        )
        raise CannotTell(msg)
    return found


def repeated_variation(observation: Observation) -> str | None:
    """Tell how a sample varies by itself, and in all workers alike.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What was seen.

    Returns
    -------
    str or None
        The evidence; None if workers differ, or if the sample does not vary in them.

    Raises
    ------
    CannotTell
        If there are not two workers to compare.
    """
    if observation.replay is None or not observation.replay.fetches:
        msg = "a sample varies by itself, and there are not two workers to compare"
        raise CannotTell(msg)
    streams = observation.replay.streams()
    shortest = min(map(len, streams.values()))
    seen = {stream[:shortest].tobytes() for stream in streams.values()}
    varied = len({row.tobytes() for stream in streams.values() for row in stream})
    if len(streams) < 2 or len(seen) > 1 or varied < 2:
        return None
    index = None if observation.answers is None else observation.answers.index
    return (
        f"index {index}, made {shortest} times, gives the same {varied} samples in each "
        f"of {len(streams)} workers"
    )


def _differ(one: Fetch, other: Fetch) -> bool:
    """Tell whether two batches were certainly asked for by other indices."""
    if one.indices is None or other.indices is None:
        return False
    return not np.array_equal(one.indices, other.indices)


def _decides_on_an_order(
    observation: Observation, place: tuple[int, int], path: str
) -> bool:
    """Tell whether a stream draws from a generator when it begins, and never again.

    Workers that shuffle alike and then take their parts do so on purpose.
    """
    if observation.facts is None or observation.facts.map_style:
        return False
    states = [
        fetch.census.get(path)
        for fetch in observation.fetches
        if (fetch.epoch, fetch.worker) == place
    ]
    return len(states) > 1 and len(set(states)) == 1


def _alike(
    observation: Observation, one: tuple[int, int], other: tuple[int, int]
) -> Iterator[str]:
    """Yield the generators that two workers, or two epochs of one, drew from alike."""
    starts, firsts = observation.epoch_starts(), observation.first_fetches()
    for path, start in starts[one].items():
        after = firsts[one].census.get(path)
        if (
            start == starts[other].get(path)
            and start != after
            and after == firsts[other].census.get(path)
        ):
            yield path
