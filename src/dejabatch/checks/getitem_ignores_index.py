"""Every index gives the same sample."""

import numpy as np

from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a single fingerprint behind several indices.

    One worker must have made samples of several indices, one after the other: samples of
    different workers may also be equal because their generators are.
    """
    if observation.expect.repeats:
        return None
    fetches = [f for f in observation.fetches if f.indices is not None]
    if not fetches:
        cannot_tell("no sample was asked for by an integer index")
    by_worker: dict[tuple[int, int], set[int]] = {}
    for fetch in fetches:
        indices = by_worker.setdefault((fetch.epoch, fetch.worker), set())
        indices.update(() if fetch.indices is None else fetch.indices.tolist())
    if max(map(len, by_worker.values())) < 2:
        cannot_tell("no worker made samples of two different indices")
    if len(np.unique(np.concatenate([f.digests for f in fetches]), axis=0)) > 1:
        return None
    if observation.opaque_types:
        types = ", ".join(observation.opaque_types)
        cannot_tell(
            f"samples hold {types}, whose content cannot be read",
            "return tensors, arrays or plain values",
        )
    count = len(set().union(*by_worker.values()))
    return Diagnosis(
        severity="error",
        where="dataset.__getitem__",
        evidence=f"{count} different indices gave one and the same sample",
    )
