"""The three global generators, in workers that start alike."""

from dejabatch.checks import (
    get_state_recipe,
    numpy_global_before_1_9,
    seeds_equal_in_32_bits,
)
from dejabatch.checks._alike import Axis, repeated
from dejabatch.state import generators as rng
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell


def seeded_alike(observation: Observation, axis: Axis) -> list[str]:
    """Return the global generators that repeat themselves along an axis.

    Those that another failure mode explains are not among them.

    Raises
    ------
    CannotTell
        As `dejabatch.checks._alike.repeated` does.
    """
    found = [
        name
        for name, axes in repeated(observation).items()
        if name in rng.GLOBAL_NAMES and axis in axes
    ]
    explanations = {
        get_state_recipe: "np.random",
        numpy_global_before_1_9: "np.random",
        seeds_equal_in_32_bits: "torch",
    }
    for other, name in explanations.items():
        try:
            explained = other.check(observation)
        except CannotTell:
            continue
        if explained is not None and name in found:
            found.remove(name)
    return found
