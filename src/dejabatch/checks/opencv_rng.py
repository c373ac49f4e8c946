"""Workers repeat the numbers of a generator that Python code cannot see."""

import contextlib

from dejabatch.checks import inplace_edit_of_stored_data, stateful_cursor
from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for one index that varies, and varies alike in all workers."""
    answers = answers_of(observation)
    by_opencv = "cv2" in answers.depends_on
    if not by_opencv and not answers.changes_by_itself:
        return None
    for other in (stateful_cursor, inplace_edit_of_stored_data):
        # Where another cannot tell, this one may.
        with contextlib.suppress(CannotTell):
            if other.check(observation):
                return None
    if observation.replay is None or not observation.replay.fetches:
        msg = "a sample varies by itself, and there are not two workers to compare"
        raise CannotTell(msg)
    streams = observation.replay.streams()
    shortest = min(map(len, streams.values()))
    seen = {stream[:shortest].tobytes() for stream in streams.values()}
    varied = len({row.tobytes() for stream in streams.values() for row in stream})
    if len(streams) < 2 or len(seen) > 1 or varied < 2:
        return None
    return Finding(
        slug="opencv-rng",
        severity="error",
        where="cv2" if by_opencv else "dataset.__getitem__",
        evidence=f"index {answers.index}, made {shortest} times, gives the same "
        f"{varied} samples in each of {len(streams)} workers",
    )
