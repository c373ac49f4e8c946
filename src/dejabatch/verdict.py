"""Put into words how much of a loader was read, and why an audit is incomplete."""

from __future__ import annotations

from collections import Counter

from dejabatch.observe.record import Ended, Observation


def amount_read(seen: Observation) -> str:
    """Return how much was read, such as ``2 epochs of 200 samples``.

    Parameters
    ----------
    seen : dejabatch.observe.record.Observation
        The observation.
    """
    samples = Counter({end.epoch: 0 for end in seen.ends})
    for fetch in seen.fetches:
        samples[fetch.epoch] += len(fetch.digests)
    least, most = min(samples.values(), default=0), max(samples.values(), default=0)
    epochs = "1 epoch" if len(samples) == 1 else f"{len(samples)} epochs"
    if least == most:
        return f"{epochs} of {most} sample{'' if most == 1 else 's'}"
    if len(samples) == 2:
        first, second = (samples[epoch] for epoch in sorted(samples))
        return f"{epochs} of {first} and {second} samples"
    return f"{epochs} of {least} to {most} samples"


def why_incomplete(seen: Observation) -> str | None:
    """Return why an observation is not enough for a verdict; None if it is enough.

    Parameters
    ----------
    seen : dejabatch.observe.record.Observation
        The observation.

    Returns
    -------
    str or None
        The reason, with the object to pass or the argument to change if there is one.
    """
    ended = seen.ended
    if ended is not None and ended.reason != "out of time":
        return f"{_what_happened(ended)}{_when(ended)}"
    if ended is not None and len(seen.ends) < 2:
        return f"time_limit was reached{_when(ended)}; raise time_limit"
    if seen.facts is not None and not seen.facts.data_loader:
        inner = seen.facts.inner_loader
        advice = (
            f"audit its DataLoader, which is {inner}"
            if inner
            else "audit the torch DataLoader that makes them, if there is one"
        )
        return f"only the batches of {seen.facts.dataset} were seen; {advice}"
    if ended is None and not seen.fetches:
        return "the loader gave no batch"
    return None


def _what_happened(ended: Ended) -> str:
    if ended.reason == "raised":
        return f"{ended.where or 'the loader'} raised {ended.error}"
    process = "the process that reads the loader"
    if ended.reason == "worker died":
        process = "a worker" if ended.worker is None else f"worker {ended.worker}"
    if ended.error.startswith("killed"):
        return f"{process} was {ended.error}"
    return f"{process} died with {ended.error}"


def _when(ended: Ended) -> str:
    if ended.epoch is None:
        return ""
    batches = "1 batch" if ended.batch == 1 else f"{ended.batch} batches"
    return f" after {batches} of epoch {ended.epoch}, counted from 0"
