"""A subset of a subset has indices of the whole dataset."""

import numpy as np
import numpy.typing as npt

from dejabatch.chance import FALSE_ALARM
from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a subset whose indices are all among those of the subset it is made of."""
    map_style(observation)
    for subset in observation.nested_subsets:
        if _are_indices_of_the_whole(np.unique(subset.indices), subset.inner_indices):
            return Diagnosis(
                severity="error",
                where=subset.path,
                evidence="all its indices are among those of the subset that it is made "
                "of, where it needs positions in that subset",
            )
    return None


def _are_indices_of_the_whole(
    outer: npt.NDArray[np.int64], inner: npt.NDArray[np.int64]
) -> bool:
    """Return whether indices are those of the whole dataset, but for chance.

    Indices of the whole dataset are all among those of the inner subset. Positions in the
    inner subset are all among its indices by chance only.
    """
    if not len(outer) or not np.isin(outer, inner).all():
        return False
    if outer[0] < 0 or outer[-1] >= len(inner):
        return True  # an index out of range is not a position
    # Neighbours are chosen together, so a run of positions counts as one choice.
    among = np.isin(np.arange(len(inner)), inner)
    runs = np.cumsum(np.diff(among, prepend=among[:1]))
    chosen = len(np.unique(runs[outer]))
    return bool(among.mean() ** chosen < FALSE_ALARM)
