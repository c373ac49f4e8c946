"""Workers repeat the numbers of OpenCV's generator, which Python code cannot see."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.generators import same_draws_from_opencv
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation

# A generator that the first sample makes repeats in the same way.
UNLESS = {"rng-object-on-dataset"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for workers in which OpenCV's generator is in one state."""
    if "cv2" not in answers_of(observation).depends_on:
        return None
    same = evidence.of(same_draws_from_opencv)
    return None if same is None else Diagnosis("error", "cv2", same)
