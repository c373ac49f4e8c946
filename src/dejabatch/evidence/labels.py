"""Whether batches hold one label each, where other batches hold other labels."""

import numpy as np

from dejabatch.chance import FALSE_ALARM
from dejabatch.evidence import Evidence
from dejabatch.findings import cannot_tell
from dejabatch.observe.record import Observation

# Share of neighbours in a batch with equal labels above which labels count as grouped.
_MOSTLY = 0.8


def grouped_labels(
    observation: Observation, _evidence: Evidence[Observation]
) -> str | None:
    """Return how the labels of the first epoch are grouped; None if they are not.

    Neighbours in a batch are compared. In mixed labels, two neighbours are equal with the
    probability of drawing one label twice. Chernoff's bound limits the chance of as many
    equal pairs as were seen.

    Raises
    ------
    dejabatch.findings.CannotTell
        If samples have no label, or if all have the same.
    """
    labels = [f.labels for f in observation.fetches if f.epoch == 0]
    known = [one for one in labels if one is not None]
    if not known or len(known) < len(labels):
        cannot_tell("samples have no part that is a single integer, as a label is")
    _, counts = np.unique(np.concatenate(known), return_counts=True)
    by_chance = float(((counts / counts.sum()) ** 2).sum())
    pairs = np.concatenate([one[1:] == one[:-1] for one in known])
    if len(counts) < 2 or not len(pairs):
        cannot_tell("fewer than two labels were seen")
    equal = float(pairs.mean())
    if equal < _MOSTLY or equal <= by_chance:
        return None
    distance = equal * np.log(equal / by_chance)
    if equal < 1:
        distance += (1 - equal) * np.log((1 - equal) / (1 - by_chance))
    if np.exp(-len(pairs) * distance) > FALSE_ALARM:
        return None
    pure = sum(len(np.unique(one)) == 1 for one in known)
    return (
        f"{pure} of {len(known)} batches have one label only, of {len(counts)} labels"
    )
