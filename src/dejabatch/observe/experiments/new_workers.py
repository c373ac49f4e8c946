"""Start new workers for each epoch, where persistent workers repeat their samples."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader

from dejabatch.observe.record import Observation
from dejabatch.observe.spy import observe

# Batches to make again: at least this many for each worker, with this many samples.
_BATCHES = 2
_SAMPLES = 16


def new_workers(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
) -> Observation | None:
    """Observe the loader with new workers in each epoch.

    For a map-style dataset, the same batches are made in both epochs.

    Parameters
    ----------
    make_loader, observation, time_limit
        As for `dejabatch.observe.experiments.ask_again.ask`.

    Returns
    -------
    dejabatch.observe.record.Observation or None
        None if workers do not live on, or do not repeat their samples.
    """
    facts = observation.facts
    if facts is None or not facts.persistent_workers or not observation.repeats():
        return None
    batches: list[list[int]] = []
    for fetch in observation.fetches:
        samples = sum(map(len, batches))
        if len(batches) >= _BATCHES * facts.num_workers and samples >= _SAMPLES:
            break
        if fetch.epoch == 0 and fetch.indices is not None:
            batches.append(fetch.indices.tolist())
    most = sum(fetch.epoch == 0 for fetch in observation.fetches)
    make = _NewWorkers(make_loader, batches if facts.map_style else None)
    return observe(make, epochs=2, max_batches=most, time_limit=time_limit)


@dataclass(frozen=True, slots=True)
class _NewWorkers:
    """Make a loader that starts new workers for each epoch."""

    make_loader: Callable[[], DataLoader[Any]]
    batches: list[list[int]] | None

    def __call__(self) -> DataLoader[Any]:
        loader = copy.copy(self.make_loader())
        # The loader's __setattr__ forbids to change some of these.
        loader.__dict__["persistent_workers"] = False
        if self.batches is not None and loader.batch_sampler is None:
            indices = [index for batch in self.batches for index in batch]
            loader.__dict__["sampler"] = indices
        elif self.batches is not None:
            loader.__dict__["batch_sampler"] = self.batches
        return loader
