"""Call the function that makes the loader a second time, in another random state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dejabatch.observe.record import Observation
from dejabatch.observe.spy import observe
from dejabatch.state import generators


def made_again(
    make_loader: Callable[[], Any], *, max_batches: int, time_limit: float
) -> Observation:
    """Make the loader a second time and observe its first epoch.

    Parameters
    ----------
    make_loader : callable
        Returns a new loader; called in a process of its own.
    max_batches : int
        How many batches to read.
    time_limit : float
        Seconds after which reading ends.

    Returns
    -------
    dejabatch.observe.record.Observation
        The observation of the second loader.
    """
    make = InOtherStates(make_loader)
    return observe(make, epochs=1, max_batches=max_batches, time_limit=time_limit)


@dataclass(frozen=True, slots=True)
class InOtherStates:
    """Make a loader as another run of the program would, unless it sets a seed.

    Parameters
    ----------
    make_loader : callable
        Returns a new loader.
    run : int
        Number of the run, which begins in random states of its own.
    """

    make_loader: Callable[[], Any]
    run: int = 1

    def __call__(self) -> Any:
        """Return the new loader."""
        for number, generator in enumerate(generators.global_rngs().values()):
            generators.reseed(generator, np.random.SeedSequence([self.run, number]))
        return self.make_loader()
