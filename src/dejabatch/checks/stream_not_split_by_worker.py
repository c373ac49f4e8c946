"""Every worker reads the whole stream."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import iterable_style, whole_epochs
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

# Smallest share of samples that two workers have by more than a few equal ones.
_LEAST_SHARED = 0.1

_Stream = npt.NDArray[np.uint8]


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for workers that give the same samples.

    If a stream's samples are random, its workers give the same samples when all their
    generators are in the same states. An endless stream of noise does so too, and cannot
    be split; the stream must therefore come to an end.
    """
    iterable_style(observation)
    streams = observation.streams()
    if len(streams) < 2:
        cannot_tell("there are no two workers with samples")
    certain = _same_samples(streams)
    if not certain and (found := _shuffled_before_the_split(observation)):
        return found
    if not certain:
        replay = observation.replay
        if replay is None or not _same_samples(replay.streams()):
            return None
        if observation.expect.repeats or _draws_with_replacement(observation):
            return None
        if not any(end.epoch == 0 and end.complete for end in observation.ends):
            cannot_tell(
                "workers differ by their random numbers alone, and the stream was not "
                "read to its end",
                whole_epochs(observation),
            )
    evidence = f"the {len(streams)} workers give the same samples"
    if not certain:
        evidence += " when their random generators are in the same states"
    return Diagnosis(
        severity="error" if certain else "warning",
        where="dataset.__iter__",
        evidence=evidence,
    )


def _shuffled_before_the_split(observation: Observation) -> Diagnosis | None:
    """Look for samples of two workers that share none when they shuffle alike."""
    replay = observation.replay
    if replay is None or observation.expect.repeats:
        return None
    contents = _contents(observation)
    shared, samples = _shared(contents), sum(map(len, contents))
    if shared < max(2, _LEAST_SHARED * samples) or _again(contents) > shared / 4:
        return None
    alike = _contents(replay)
    if len(alike) < 2 or min(map(len, alike)) < 2 or _shared(alike):
        return None
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"{shared} samples of an epoch come from more than one worker, and none "
        "do when all workers have the same random states",
        title="Workers shuffle a stream differently before they split it",
        fix="Shuffle in the same way in every worker, with `random.Random(seed + epoch)`, "
        "or shuffle after the split.",
    )


def _draws_with_replacement(observation: Observation) -> bool:
    """Return whether single workers have some of their samples again."""
    contents = _contents(observation)
    return _again(contents) > _LEAST_SHARED * sum(map(len, contents))


def _again(contents: list[list[bytes]]) -> int:
    """Return how many samples a worker has given before."""
    return sum(len(content) - len(set(content)) for content in contents)


def _contents(observation: Observation) -> list[list[bytes]]:
    streams = observation.streams().values()
    return [[row.tobytes() for row in stream] for stream in streams]


def _shared(contents: list[list[bytes]]) -> int:
    """Return how many different samples more than one worker has."""
    workers = Counter(sample for content in contents for sample in set(content))
    return sum(count > 1 for count in workers.values())


def _same_samples(streams: dict[int, _Stream]) -> bool:
    """Return whether all streams have the same samples: in one order, or unique ones."""
    if len(streams) < 2:
        return False
    shortest = min(map(len, streams.values()))
    cut = {stream[:shortest].tobytes() for stream in streams.values()}
    sets = [{digest.tobytes() for digest in stream} for stream in streams.values()]
    if min(map(len, sets)) < 2:  # all samples may be blank
        return False
    unique = all(
        len(s) > 0.9 * len(stream)
        for s, stream in zip(sets, streams.values(), strict=True)
    )
    common = set.intersection(*sets)
    return len(cut) == 1 or (unique and len(common) >= 0.5 * max(map(len, sets)))
