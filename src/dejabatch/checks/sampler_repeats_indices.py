"""The sampler yields some indices again and leaves others out."""

import numpy as np

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for indices drawn twice, and for indices never drawn, in a whole epoch."""
    facts = observation.facts
    if facts is None or facts.length is None or not observation.orders():
        msg = "there are no integer indices of a dataset with a length"
        raise CannotTell(msg)
    replacement = observation.expect.replacement
    if replacement or (facts.replacement and replacement is None):
        return None
    complete = [end.epoch for end in observation.ends if end.complete]
    if not complete:
        msg = "no epoch was read to its end"
        raise CannotTell(msg)
    epoch = np.concatenate(
        [
            fetch.indices
            for fetch in observation.fetches
            if fetch.epoch == complete[0] and fetch.indices is not None
        ]
        or [np.empty(0, np.int64)]
    )
    drawn, counts = np.unique(epoch, return_counts=True)
    twice, never = int((counts > 1).sum()), facts.length - len(drawn)
    # With several ranks others draw the rest, and some draw a few samples twice.
    if not twice or not never or facts.replicas > 1:
        return None
    evidence = (
        f"an epoch of {len(epoch)} samples has {twice} indices more than once and leaves "
        f"out {never} of {facts.length}"
    )
    if replacement is None:
        msg = (
            f"{evidence}; pass expect=Expect(replacement=True) if that is meant, or "
            "False if not"
        )
        raise CannotTell(msg)
    return Finding(
        slug="sampler-repeats-indices",
        severity="error",
        where=facts.sampler_path,
        evidence=evidence,
    )
