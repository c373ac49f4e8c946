"""Random generators that start in one state and are drawn from, more than once.

A generator repeats itself if two workers, or two epochs of one worker, have it in the same
state before the first batch, and draw from it. Samples that draw different amounts leave
it in different states after that batch; such a generator counts if a sample depends on it.
A generator that is never drawn from does no harm.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.findings import CannotTell, Diagnosis, cannot_tell
from dejabatch.observe.record import (
    MAIN_PROCESS,
    SEEDED_NUMPY,
    Fetch,
    Observation,
    WorkerStart,
    numpy_recipe,
)
from dejabatch.state import GLOBAL_NAMES, NUMBA_NAMES

Axis = Literal["worker", "epoch"]

_GLOBAL = (*GLOBAL_NAMES, *NUMBA_NAMES)


def repeated(
    observation: Observation, _evidence: Evidence[Observation]
) -> Mapping[str, set[Axis]]:
    """Return the generators that repeat themselves, and along which axes.

    Returns
    -------
    mapping of str to set of {"worker", "epoch"}
        By path. A generator that is seeded for each sample is in other states after other
        samples. Such a generator shows only where a worker began both epochs with the
        same indices; it is returned only if a sample or a batch depends on its state.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there are no workers, if only one of them was seen in one epoch, or if it
        remains open whether a generator is seeded for each sample.
    """
    firsts = observation.first_fetches()
    if any(worker == MAIN_PROCESS for _, worker in firsts):
        cannot_tell("there are no workers into which a generator could be copied")
    if len(firsts) < 2:
        cannot_tell("fewer than two workers and epochs were seen")

    found: dict[str, set[Axis]] = {}
    undecided: set[str] = set()
    answers = observation.answers
    matters = set()
    if answers is not None:
        matters = {*answers.depends_on, *answers.batch_depends_on}
    for one, other in combinations(sorted(firsts), 2):
        axis: Axis
        if one[0] == other[0]:
            axis, certain = "worker", True
        elif one[1] == other[1]:
            axis, certain = "epoch", _samples_differ(firsts[one], firsts[other])
        else:
            continue  # another worker in another epoch: the other pairs imply it
        for path, equally in _drawn_from(observation, one, other).items():
            if _only_orders_the_stream(observation, one, path):
                continue
            if path in matters or (
                equally and (certain or "worker" in found.get(path, ()))
            ):
                found.setdefault(path, set()).add(axis)
            elif equally:
                undecided.add(path)
    stopped = observation.facts and observation.facts.search_stopped_at
    if stopped and not found:
        cannot_tell(
            f"the search for random generators stopped at {stopped}, because the dataset "
            "holds too many objects"
        )
    if undecided and not found:
        map_style = observation.facts is None or observation.facts.map_style
        cannot_tell(
            f"{min(undecided, key=len)} repeats its epochs, or is seeded for each sample",
            "shuffle=True would tell" if map_style else "",
        )
    return found


def diagnose_late(
    observation: Observation, paths: Collection[str], maker: str
) -> Diagnosis | None:
    """Report generators that workers make in one state.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        The observation.
    paths : collection of str
        The generators.
    maker : {"sample", "batch"}
        The maker of them: the first sample of each worker, or its first batch.
    """
    where = repeats_of_new_workers(observation)
    if not paths or where is None:
        return None
    path = min(paths, key=len)
    return Diagnosis(
        severity="error",
        where=path,
        evidence=f"the first {maker} of each worker makes {path}, in the same state in "
        f"every {where}",
        fix="Draw from torch's global generator, which torch seeds in every worker, or "
        f"seed the generator with `torch.initial_seed()` where the first {maker} makes it.",
    )


def repeats_of_new_workers(observation: Observation) -> Axis | None:
    """Return where the first steps of a worker come again: in epochs, or in workers.

    Persistent workers start once. None without workers, and for a single persistent one.
    """
    facts = observation.facts
    if facts is None or not facts.num_workers:
        return None
    if not facts.persistent_workers:
        return "epoch"
    return "worker" if facts.num_workers > 1 else None


def repeated_in_samples(
    _observation: Observation, evidence: Evidence[Observation]
) -> Mapping[str, set[Axis]]:
    """Return the generators of datasets and their transforms that repeat themselves.

    Raises
    ------
    dejabatch.findings.CannotTell
        As `repeated` does.
    """
    return {
        path: axes
        for path, axes in evidence.of(repeated).items()
        if path not in _GLOBAL and not path.startswith("collate_fn")
    }


def same_variation_in_workers(
    observation: Observation, _evidence: Evidence[Observation]
) -> str | None:
    """Return how one sample varies equally in all workers.

    Returns
    -------
    str or None
        The evidence; None if workers differ, or if the sample does not vary in them.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there are not two workers to compare.
    """
    if observation.replay is None or not observation.replay.fetches:
        cannot_tell(
            "a sample varies by itself, and there are not two workers to compare"
        )
    streams = observation.replay.streams()
    shortest = min(map(len, streams.values()))
    different = {stream[:shortest].tobytes() for stream in streams.values()}
    varied = len({row.tobytes() for stream in streams.values() for row in stream})
    if len(streams) < 2 or len(different) > 1 or varied < 2:
        return None
    index = None if observation.answers is None else observation.answers.index
    return (
        f"index {index}, made {shortest} times, gives the same {varied} samples in each "
        f"of {len(streams)} workers"
    )


def same_draws_from_opencv(
    observation: Observation, _evidence: Evidence[Observation]
) -> str | None:
    """Return that OpenCV draws the same in all workers after the same samples.

    Returns
    -------
    str or None
        The evidence; None if workers differ.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there are not two workers to compare.
    """
    replay = observation.replay
    firsts = {} if replay is None else replay.first_fetches()
    drawn = [one.collated for (epoch, _), one in firsts.items() if not epoch]
    if len(drawn) < 2 or not all(drawn):
        cannot_tell("OpenCV draws numbers, and there are not two workers to compare")
    if len(set(drawn)) > 1:
        return None
    return f"{len(drawn)} workers that made the same samples draw the same number next"


@dataclass(frozen=True, slots=True)
class RecipeStarts:
    """Worker starts in the state in which a well-known recipe leaves NumPy.

    Attributes
    ----------
    seeded, started : int
        How many of how many times a worker started an epoch in that state.
    drawn_from : bool
        Whether NumPy's generator was drawn from after any of these starts.
    """

    seeded: int
    started: int
    drawn_from: bool


def recipe_starts(
    observation: Observation, _evidence: Evidence[Observation]
) -> RecipeStarts | None:
    """Return the worker starts with ``np.random.seed(2147483648 + worker_id)``.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there are no workers.
    """
    starts = _worker_starts(observation)
    known = observation.known_states
    seeded = [
        key
        for key, census in starts.items()
        if census["np.random"] == known.get(numpy_recipe(key[1]))
    ]
    if not seeded:
        return None
    ends = observation.epoch_ends()
    drawn_from = any(
        ends[key]["np.random"] != starts[key]["np.random"] for key in seeded
    )
    return RecipeStarts(len(seeded), len(starts), drawn_from)


def workers_with_copied_numpy(
    observation: Observation, _evidence: Evidence[Observation]
) -> set[int]:
    """Return the workers that draw from ``np.random`` in the main process's state.

    A state that a number seeds is left out: torch seeds NumPy in each worker, so the
    worker was seeded with the same number.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there are no workers.
    """
    starts = _worker_starts(observation)
    main = observation.main_census()["np.random"]
    if main == observation.known_states.get(SEEDED_NUMPY):
        return set()
    ends = observation.epoch_ends()
    return {
        key[1]
        for key, census in starts.items()
        if census["np.random"] == main and ends[key]["np.random"] != main
    }


def starts_equal_in_32_bits(
    observation: Observation, evidence: Evidence[Observation]
) -> tuple[WorkerStart, WorkerStart] | None:
    """Return two workers that draw the same from torch although their seeds differ.

    Raises
    ------
    dejabatch.findings.CannotTell
        As `repeated` does.
    """
    if "torch" not in evidence.of(repeated):
        return None
    starts = [start for start in observation.starts if start.worker != MAIN_PROCESS]
    for one, other in combinations(starts, 2):
        if one.epoch != other.epoch and one.worker != other.worker:
            continue
        if one.seed != other.seed and (one.seed - other.seed) % 2**32 == 0:
            return one, other
    return None


def reseeded_globals(
    _observation: Observation, evidence: Evidence[Observation]
) -> Mapping[Axis, list[str]]:
    """Return the global generators that repeat themselves, by axis.

    Generators whose repetition has a more special cause are left out.

    Raises
    ------
    dejabatch.findings.CannotTell
        As `repeated` does.
    """
    explained = set()
    for derive, name in (
        (recipe_starts, "np.random"),
        (workers_with_copied_numpy, "np.random"),
        (starts_equal_in_32_bits, "torch"),
    ):
        try:
            if evidence.of(derive):
                explained.add(name)
        except CannotTell:
            continue
    found: dict[Axis, list[str]] = {"worker": [], "epoch": []}
    for name, axes in evidence.of(repeated).items():
        if name in _GLOBAL and name not in explained:
            for axis in axes:
                found[axis].append(name)
    return found


def reseeded_in_streams(
    observation: Observation, _evidence: Evidence[Observation]
) -> tuple[str, ...]:
    """Return the generators that a stream seeds with a constant when it begins.

    A generator counts if its states differ before the first batch of two workers or
    epochs, agree after that batch, and change in later batches. A stream that seeds to
    shuffle, and draws nothing else, does no harm.
    """
    starts, firsts = observation.epoch_starts(), observation.first_fetches()
    has_set_epoch = observation.facts and observation.facts.dataset_has_set_epoch
    found = set()
    for one, other in combinations(sorted(firsts), 2):
        if one[0] != other[0] and (one[1] != other[1] or has_set_epoch):
            continue
        for path, state in firsts[one].census.items():
            if (
                state == firsts[other].census.get(path)
                and starts[one].get(path) != starts[other].get(path)
                and len(_states(observation, one, path)) > 1
            ):
                found.add(path)
    return tuple(sorted(found))


def diagnose(
    found: Mapping[str, set[Axis]], observation: Observation
) -> Diagnosis | None:
    """Return the diagnosis for generators that repeat themselves; None for none."""
    if not found:
        return None
    workers = len({worker for _, worker in observation.first_fetches()})
    by_axis: dict[Axis, str] = {
        "worker": f"the {workers} workers draw the same numbers from it",
        "epoch": "a worker draws the same numbers from it in the next epoch",
    }
    path = min(found, key=len)
    text = " and ".join(said for axis, said in by_axis.items() if axis in found[path])
    if others := sorted(found.keys() - {path}):
        text += f"; the same holds for {', '.join(others)}"
    return Diagnosis("error", path, text)


def _worker_starts(
    observation: Observation,
) -> Mapping[tuple[int, int], Mapping[str, bytes]]:
    starts = {
        key: census
        for key, census in observation.epoch_starts().items()
        if key[1] != MAIN_PROCESS
    }
    if not starts:
        cannot_tell("there are no workers")
    return starts


def _samples_differ(one: Fetch, other: Fetch) -> bool:
    """Return whether two batches certainly have different samples.

    The samples of a stream have no index; where nothing differs, they may be the same.
    """
    if one.indices is None or other.indices is None:
        return not np.array_equal(one.digests, other.digests)
    return not np.array_equal(one.indices, other.indices)


def _only_orders_the_stream(
    observation: Observation, place: tuple[int, int], path: str
) -> bool:
    """Return whether a stream draws from a generator when it begins, and never again.

    Workers that shuffle equally and then take their parts do so on purpose.
    """
    if observation.facts is None or observation.facts.map_style:
        return False
    batches = sum((f.epoch, f.worker) == place for f in observation.fetches)
    return batches > 1 and len(_states(observation, place, path)) == 1


def _states(
    observation: Observation, place: tuple[int, int], path: str
) -> set[bytes | None]:
    """Return the states of a generator after the batches of a worker in an epoch."""
    return {
        fetch.census.get(path)
        for fetch in observation.fetches
        if (fetch.epoch, fetch.worker) == place
    }


def _drawn_from(
    observation: Observation, one: tuple[int, int], other: tuple[int, int]
) -> Mapping[str, bool]:
    """Return the generators in one state before both first batches that both draw from.

    Returns
    -------
    mapping of str to bool
        By path: whether the generator is in one state after both batches as well.
    """
    starts, firsts = observation.epoch_starts(), observation.first_fetches()
    found = {}
    for path, start in starts[one].items():
        after, other_after = (
            firsts[one].census.get(path),
            firsts[other].census.get(path),
        )
        unseen_or_unused = {None, start} & {after, other_after}
        if start == starts[other].get(path) and not unseen_or_unused:
            found[path] = after == other_after
    return found
