"""Epochs in one and the same order."""

import numpy as np
import numpy.typing as npt

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell

# Ten shuffled samples come in one order twice by chance once in 3.6 million.
_FEWEST = 10


def repeated_order(observation: Observation) -> npt.NDArray[np.int64] | None:
    """Return the order that all epochs share, unless it is a plain ascending one.

    Raises
    ------
    CannotTell
        If the epochs had no indices, if only one was read, or if they are too short.
    """
    orders = observation.orders()
    if len(orders) < 2:
        msg = "fewer than two epochs with integer indices were read"
        raise CannotTell(msg)
    shortest = min(map(len, orders))
    if shortest < _FEWEST:
        msg = f"epochs of fewer than {_FEWEST} samples may repeat by chance"
        raise CannotTell(msg)
    first, *others = (order[:shortest] for order in orders)
    if any(not np.array_equal(first, other) for other in others):
        return None
    # A sampler for several ranks may begin again at its end.
    descents = int((np.diff(first) < 0).sum())
    return first if descents > 1 else None
