"""The sampler yields some indices again and leaves others out."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import complete_epochs, facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for indices drawn twice, and for indices never drawn, in a whole epoch."""
    facts = facts_of(observation)
    if facts.length is None or not observation.orders():
        cannot_tell("there are no integer indices of a dataset with a length")
    replacement = observation.expect.replacement
    if replacement or (facts.replacement and replacement is None):
        return None
    whole = complete_epochs(observation)[0]
    epoch = np.concatenate(
        [
            fetch.indices
            for fetch in observation.fetches
            if fetch.epoch == whole and fetch.indices is not None
        ]
        or [np.empty(0, np.int64)]
    )
    drawn, counts = np.unique(epoch, return_counts=True)
    twice, never = int((counts > 1).sum()), facts.length - len(drawn)
    # Other ranks draw the rest, and some ranks draw a few samples twice.
    if not twice or not never or facts.num_replicas > 1:
        return None
    evidence = (
        f"an epoch of {len(epoch)} samples has {twice} indices more than once and leaves "
        f"out {never} of {facts.length}"
    )
    if replacement is None:
        cannot_tell(
            evidence,
            "pass expect=Expect(replacement=True) if that is meant, or False if not",
        )
    return Diagnosis(severity="error", where=facts.sampler_path, evidence=evidence)
