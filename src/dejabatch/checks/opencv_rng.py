"""Workers repeat the numbers of OpenCV's generator, which Python code cannot see."""

from dejabatch.checks._alike import repeated_variation
from dejabatch.checks._answers import answers_of
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for one index that varies with OpenCV's generator, alike in all workers."""
    if "cv2" not in answers_of(observation).depends_on:
        return None
    evidence = repeated_variation(observation)
    if evidence is None:
        return None
    return Finding(slug="opencv-rng", severity="error", where="cv2", evidence=evidence)
