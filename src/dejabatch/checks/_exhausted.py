"""Epochs without a batch, after one that had some."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell


def empty_epochs(observation: Observation) -> list[int]:
    """Return the epochs that ended without a batch although an earlier one had some.

    Raises
    ------
    CannotTell
        If no epoch was read to its end, or if only one was read.
    """
    if len(observation.ends) < 2:
        msg = "fewer than two epochs were read"
        raise CannotTell(msg)
    if not any(end.complete for end in observation.ends):
        msg = "no epoch was read to its end"
        raise CannotTell(msg)
    full = {fetch.epoch for fetch in observation.fetches}
    return [
        end.epoch
        for end in observation.ends
        if end.complete
        and end.epoch not in full
        and end.epoch > min(full, default=end.epoch)
    ]
