"""Batches whose samples have one label, where other labels are in other batches."""

import numpy as np

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell

_MOSTLY = 0.8
# So unlikely may it be that labels are grouped by chance.
_CHANCE = 1e-6


def grouped(observation: Observation) -> str | None:
    """Say how the labels of the first epoch are grouped; None if they are not.

    Neighbours in a batch are compared. If labels are mixed, two are equal with the
    probability of drawing one label twice; the chance of so many equal pairs is at most
    that of Chernoff's bound.

    Raises
    ------
    CannotTell
        If samples have no label, or if all have the same.
    """
    labels = [f.labels for f in observation.fetches if f.epoch == 0]
    known = [one for one in labels if one is not None]
    if not known or len(known) < len(labels):
        msg = "samples have no part that is a single integer, as a label is"
        raise CannotTell(msg)
    _, counts = np.unique(np.concatenate(known), return_counts=True)
    by_chance = float(((counts / counts.sum()) ** 2).sum())
    pairs = np.concatenate([one[1:] == one[:-1] for one in known])
    if len(counts) < 2 or not len(pairs):
        msg = "fewer than two labels were seen"
        raise CannotTell(msg)
    equal = float(pairs.mean())
    if equal < _MOSTLY or equal <= by_chance:
        return None
    distance = equal * np.log(equal / by_chance)
    if equal < 1:
        distance += (1 - equal) * np.log((1 - equal) / (1 - by_chance))
    if np.exp(-len(pairs) * distance) > _CHANCE:
        return None
    pure = sum(len(np.unique(one)) == 1 for one in known)
    return (
        f"{pure} of {len(known)} batches have one label only, of {len(counts)} labels"
    )
