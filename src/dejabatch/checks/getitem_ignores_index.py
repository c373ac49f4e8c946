"""Every index gives the same sample."""

import numpy as np

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for a single fingerprint behind several indices.

    One worker has to have made samples of several indices, one after the other: samples
    of different workers may also be the same because their generators are.
    """
    if observation.expect.repeats:
        return None
    fetches = [f for f in observation.fetches if f.indices is not None]
    if not fetches:
        msg = "no sample was asked for by an integer index"
        raise CannotTell(msg)
    by_worker: dict[tuple[int, int], set[int]] = {}
    for fetch in fetches:
        indices = by_worker.setdefault((fetch.epoch, fetch.worker), set())
        indices.update(() if fetch.indices is None else fetch.indices.tolist())
    if max(map(len, by_worker.values())) < 2:
        msg = "no worker made samples of two different indices"
        raise CannotTell(msg)
    if len(np.unique(np.concatenate([f.digests for f in fetches]), axis=0)) > 1:
        return None
    if observation.opaque:
        msg = f"samples hold {', '.join(observation.opaque)}, which show no content"
        raise CannotTell(msg)
    count = len(set().union(*by_worker.values()))
    return Finding(
        slug="getitem-ignores-index",
        severity="error",
        where="dataset.__getitem__",
        evidence=f"{count} different indices gave one and the same sample",
    )
