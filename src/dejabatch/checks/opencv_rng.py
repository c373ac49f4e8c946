"""Workers repeat the numbers of OpenCV's generator, which Python code cannot see."""

import contextlib

from dejabatch.checks import inplace_edit_of_stored_data, stateful_cursor
from dejabatch.checks._alike import repeated_variation
from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for one index that varies, and varies alike in all workers."""
    answers = answers_of(observation)
    by_opencv = "cv2" in answers.depends_on
    if not by_opencv and not (answers.changes_by_itself and answers.opencv):
        return None
    for other in (stateful_cursor, inplace_edit_of_stored_data):
        # Where another cannot tell, this one may.
        with contextlib.suppress(CannotTell):
            if other.check(observation):
                return None
    evidence = repeated_variation(observation)
    if evidence is None:
        return None
    return Finding(
        slug="opencv-rng",
        severity="error",
        where="cv2" if by_opencv else "dataset.__getitem__",
        evidence=evidence,
    )
