"""Make samples from fixed random states, which all ranks and machines share.

Two ranks whose datasets agree make the same sample of an index from the same states,
however random the augmentation is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from dejabatch.observe.experiments.trials import OTHER_STATES, Samples, Step
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.observe.record import Observation
from dejabatch.splits import Split, splits_of

PROBES: Final = 8
"""How many indices of a dataset every rank makes a sample of."""

# More samples would cost as much as reading them did.
_MOST_DRAWN: Final = 512
# Share of the time limit for making samples; the rest is for making the loader.
_ASKING: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSamples:
    """A loader's splits, lengths and samples from fixed random states.

    Attributes
    ----------
    splits : tuple of dejabatch.splits.Split
        The objects that split the data between ranks.
    batches : int or None
        The length of the loader; None if unknown, and for an iterable dataset.
    probes : tuple of bytes or None
        Digests of the samples of `PROBES` indices, which depend on the dataset's length
        alone; None for a sample that raised, or that differs when it is made again.
        Empty for an iterable dataset.
    drawn : mapping of int to bytes
        Digests of the samples of indices of the first epoch. Empty if there was no time
        for all of them.
    """

    splits: tuple[Split, ...] = ()
    batches: int | None = None
    probes: tuple[bytes | None, ...] = ()
    drawn: Mapping[int, bytes] = field(default_factory=dict)


def fixed_samples(
    make_loader: Callable[[], Any], seen: Observation, *, time_limit: float
) -> FixedSamples:
    """Make samples of a loader's dataset from fixed random states.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    seen : dejabatch.observe.record.Observation
        The observation of the loader.
    time_limit : float
        Seconds after which the samples that are missing stay unknown.

    Returns
    -------
    FixedSamples
        The samples.
    """
    making = _Making(make_loader, _drawn_if_random(seen), time_limit * _ASKING)
    outcome = run_isolated(making, time_limit)
    found = [one for one in outcome.sent if isinstance(one, FixedSamples)]
    return found[-1] if found else FixedSamples()


def _drawn_if_random(seen: Observation) -> list[int]:
    """Return the indices of the first epoch, if their samples are random."""
    answers = seen.answers
    if answers is None or not answers.depends_on:
        return []
    drawn = {
        index
        for fetch in seen.fetches
        if fetch.epoch == 0
        for index, _ in fetch.pairs()
    }
    return sorted(drawn) if len(drawn) <= _MOST_DRAWN else []


@dataclass(frozen=True, slots=True)
class _Making:
    """Make a loader, then samples of its dataset; runs in a process of its own."""

    make_loader: Callable[[], Any]
    indices: list[int]
    seconds: float

    def __call__(self, send: Send) -> None:
        deadline = time.monotonic() + self.seconds
        loader = self.make_loader()
        known: dict[str, Any] = {"splits": splits_of(loader)}
        send(FixedSamples(**known))
        map_style = hasattr(type(loader.dataset), "__getitem__")
        # For an iterable dataset, torch counts samples after len(loader) was called.
        if map_style:
            by_batch = loader.batch_sampler is not None
            known["batches"] = _length(
                loader.batch_sampler if by_batch else loader.sampler
            )
            send(FixedSamples(**known))
        if not map_style or (length := _length(loader.dataset)) is None or not length:
            return
        samples = Samples(
            loader.dataset,
            loader.collate_fn,
            batched=loader.batch_sampler is not None,
            deadline=deadline,
        )
        places = np.linspace(0, length - 1, PROBES).astype(int).tolist()
        first = [_digest(samples, index) for index in places]
        again = [_digest(samples, index) for index in places]
        known["probes"] = tuple(
            one if one == other else None
            for one, other in zip(first, again, strict=True)
        )
        send(FixedSamples(**known))
        drawn: dict[int, bytes] = {}
        for index in self.indices:
            digest = None if samples.out_of_time else _digest(samples, index)
            if digest is None:
                return
            drawn[index] = digest
        send(FixedSamples(**known, drawn=drawn))


def _digest(samples: Samples, index: int) -> bytes | None:
    # An index that one rank cannot read is a difference between ranks, not an error here.
    with contextlib.suppress(Exception):
        return samples.digest(Step(index, OTHER_STATES[0]))
    return None


def _length(value: Any) -> int | None:
    with contextlib.suppress(Exception):
        return len(value)
    return None
