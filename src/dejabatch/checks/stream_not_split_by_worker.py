"""Every worker reads the whole stream."""

import numpy as np
import numpy.typing as npt

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding

_Stream = npt.NDArray[np.uint8]


def check(observation: Observation) -> Finding | None:
    """Look for workers that give the same samples.

    If a stream's samples are random, its workers give the same samples when all their
    generators are in the same states. So does a generator of endless noise, which nobody
    can split; that is why such a stream has to come to an end.
    """
    facts = observation.facts
    if facts is None or facts.map_style:
        msg = "the dataset is not iterable"
        raise CannotTell(msg)
    streams = observation.streams()
    if len(streams) < 2:
        msg = "there are no two workers with samples"
        raise CannotTell(msg)
    sure = _repeated(streams)
    if not sure:
        replay = observation.replay
        if replay is None or not _repeated(replay.streams()):
            return None
        if observation.expect.repeats:
            return None
        if not any(end.epoch == 0 and end.complete for end in observation.ends):
            msg = (
                "workers differ by their random numbers alone, and the stream was not "
                "read to its end"
            )
            raise CannotTell(msg)
    evidence = f"the {len(streams)} workers give the same samples"
    if not sure:
        evidence += " when their random generators are in the same states"
    return Finding(
        slug="stream-not-split-by-worker",
        severity="error" if sure else "warning",
        where="dataset.__iter__",
        evidence=evidence,
    )


def _repeated(streams: dict[int, _Stream]) -> bool:
    """Tell whether all streams have the same samples, in the same order or unique ones."""
    if len(streams) < 2:
        return False
    shortest = min(map(len, streams.values()))
    cut = {stream[:shortest].tobytes() for stream in streams.values()}
    sets = [{digest.tobytes() for digest in stream} for stream in streams.values()]
    if min(map(len, sets)) < 2:  # they may all be blank
        return False
    unique = all(
        len(s) > 0.9 * len(stream)
        for s, stream in zip(sets, streams.values(), strict=True)
    )
    common = set.intersection(*sets)
    return len(cut) == 1 or (unique and len(common) >= 0.5 * max(map(len, sets)))
