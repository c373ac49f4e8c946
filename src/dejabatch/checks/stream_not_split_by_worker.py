"""Every worker reads the whole stream."""

from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import iterable_style, whole_epochs
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

# Smallest share of samples that two workers have by more than a few equal ones.
_LEAST_SHARED = 0.1

# Two workers that each read a whole pass have twice its samples. Workers that divide a
# pass have fewer than this many times its samples.
_DIVIDED = 1.25

_Stream = npt.NDArray[np.uint8]


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for workers that give the same samples.

    If a stream's samples are random, its workers give the same samples when all their
    generators are in the same states. An endless stream of noise does so too, and cannot
    be split; the stream must therefore come to an end.
    """
    facts, streams = iterable_style(observation), observation.streams()
    if len(streams) < 2:
        cannot_tell("there are no two workers with samples")
    # Workers that draw shards with replacement have the same ones by chance.
    later = observation.streams(epoch=1)
    certain = _same_samples(streams) and (len(later) < 2 or _same_samples(later))
    if certain and not facts.batched and _is_shifted(_contents(observation)):
        certain = False  # windows of a long recording that overlap
    if not certain and (found := _shuffled_before_the_split(observation)):
        return found
    if not certain:
        if found := _two_alike(observation) or _left_out(observation):
            return found
        replay = observation.replay
        if replay is None or not _same_samples(replay.streams()):
            return None
        if observation.expect.repeats or _draws_with_replacement(observation):
            return None
        if _divides_its_draws(observation):
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
    if observation.expect.repeats:
        return None
    contents = _contents(observation)
    shared, samples = _shared(contents), sum(map(len, contents))
    if shared < max(2, _LEAST_SHARED * samples) or _again(contents) > shared / 4:
        return None
    if _split_with_equal_states(observation):
        reason = "none do when all workers have the same random states"
    elif never := _never_seen(observation, {s for one in contents for s in one}):
        reason = f"{never} of the stream's samples come from none"
    else:
        return None
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"{shared} samples of an epoch come from more than one worker, and "
        f"{reason}",
        title="Workers shuffle a stream differently before they split it",
        fix="Shuffle in the same way in every worker, with `random.Random(seed + epoch)`, "
        "or shuffle after the split.",
    )


def _two_alike(observation: Observation) -> Diagnosis | None:
    """Look for two workers with the same samples, where others have their own."""
    if observation.expect.repeats:
        return None
    groups = _alike(observation.streams())
    later = observation.streams(epoch=1)
    if not groups or (len(later) > 1 and _alike(later) != groups):
        return None
    said = "; ".join(" and ".join(map(str, workers)) for workers in groups)
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"workers {said} give the same samples, and other workers give others",
        title="Several workers read the same part of the stream",
        fix="Give each file or sample to one worker, "
        "`files[info.id :: info.num_workers]`; a worker without any has nothing to do.",
    )


def _alike(streams: dict[int, _Stream]) -> list[list[int]]:
    """Return the workers whose samples are the same, all different from each other."""
    alike: dict[frozenset[bytes], list[int]] = {}
    for worker, stream in streams.items():
        samples = frozenset(row.tobytes() for row in stream)
        if len(samples) > 1 and len(samples) == len(stream):
            alike.setdefault(samples, []).append(worker)
    return [workers for workers in alike.values() if len(workers) > 1]


def _left_out(observation: Observation) -> Diagnosis | None:
    """Look for the rest of a division that no worker reads."""
    whole = _samples_of_whole(observation)
    missing = _never_seen(observation, observation.contents())
    if observation.expect.repeats or not 0 < missing <= len(whole) / 4:
        return None  # data-split-twice finds what lacks a larger part
    workers = len(observation.streams())
    # Parts of equal lengths may be meant, and batches that are not full may be dropped.
    meant = missing < workers or not iterable_style(observation).batched
    return Diagnosis(
        severity="note" if meant else "warning",
        where="dataset.__iter__",
        evidence=f"a pass without workers has {len(whole)} different samples, and the "
        f"{workers} workers together leave out {missing} of them",
        title="The split between workers leaves out samples",
        fix="Give each sample to one worker, as with "
        "`samples[info.id :: info.num_workers]`.",
    )


def _split_with_equal_states(observation: Observation) -> bool:
    """Return whether workers with equal random states have different samples."""
    alike = [] if observation.replay is None else _contents(observation.replay)
    return len(alike) > 1 and min(map(len, alike)) > 1 and not _shared(alike)


def _never_seen(observation: Observation, seen: AbstractSet[bytes]) -> int:
    """Return how many samples of one pass without workers are not among those seen.

    A stream that draws some of its samples at random yields others in each pass.
    """
    whole = _samples_of_whole(observation)
    return len(whole - seen) if seen < whole else 0


def _samples_of_whole(observation: Observation) -> frozenset[bytes]:
    whole = observation.whole_stream
    return frozenset() if whole is None else whole.samples


def _divides_its_draws(observation: Observation) -> bool:
    """Return whether the workers together draw as many samples as a pass without them.

    Random windows of one long recording are drawn in this way.
    """
    whole = observation.whole_stream
    drawn = sum(map(len, observation.streams().values()))
    return whole is not None and drawn <= _DIVIDED * whole.length


def _is_shifted(contents: list[list[bytes]]) -> bool:
    """Return whether the samples that workers share keep their neighbours, but not all.

    Rows of windows look like samples of batches. Overlapping windows of two workers have
    the same rows, each row before the same next row.
    """
    one, other, *_ = contents
    if one[: len(other)] == other[: len(one)]:
        return False
    following = dict(pairwise(one))
    kept = sum(following.get(a) == b for a, b in pairwise(other))
    return 2 * kept > len(other)


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
