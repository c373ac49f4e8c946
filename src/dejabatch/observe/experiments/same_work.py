"""Let all workers do the same work, to see whether they do it in the same way."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from dejabatch.observe.experiments.trials import (
    dataset_of_worker,
    reachable_generators,
)
from dejabatch.observe.record import Observation
from dejabatch.observe.spy import observe
from dejabatch.state import generators

# How many batches each worker makes.
_BATCHES = 3


def same_work(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
) -> Observation | None:
    """Observe the loader while all its workers have the same work.

    Each worker of a map-style dataset makes one sample three times in each of two epochs.
    If the sample depends on OpenCV's generator, the workers begin with all other generators
    in the same states, and each batch is a number that OpenCV draws after the samples.
    Each worker of an iterable dataset begins its stream with all its generators in the
    same states.

    Parameters
    ----------
    make_loader, observation, time_limit
        As for `dejabatch.observe.experiments.ask_again.ask`.

    Returns
    -------
    dejabatch.observe.record.Observation or None
        None if there are fewer than two workers.
    """
    facts, answers = observation.facts, observation.answers
    if facts is None or facts.num_workers < 2:
        return None
    workers = facts.num_workers
    if facts.map_style:
        index = None if answers is None else answers.index
        draws = answers is not None and "cv2" in answers.depends_on
        make: Callable[[], DataLoader[Any]] = _OneIndex(
            make_loader, index, workers, draw_from_opencv=draws
        )
        epochs, batches = 2, _BATCHES * workers
    else:
        make = _OneStart(make_loader)
        epochs, batches = 1, (_BATCHES + 1) * workers
    return observe(make, epochs=epochs, max_batches=batches, time_limit=time_limit)


@dataclass(frozen=True, slots=True)
class _OneIndex:
    """Make a loader whose workers are all asked for one index."""

    make_loader: Callable[[], DataLoader[Any]]
    index: int | None
    workers: int
    draw_from_opencv: bool

    def __call__(self) -> DataLoader[Any]:
        loader = copy.copy(self.make_loader())
        if self.draw_from_opencv:
            loader.__dict__["worker_init_fn"] = _SameStates(loader.worker_init_fn)
            loader.__dict__["collate_fn"] = _draw_from_opencv
        if loader.batch_sampler is None:
            loader.__dict__["sampler"] = [self.index] * _BATCHES * self.workers
        else:
            batches = [[self.index] * _BATCHES] * self.workers
            loader.__dict__["batch_sampler"] = batches
        return loader


def _draw_from_opencv(_samples: Any) -> Any:
    """Return a number in place of a batch; nothing else shows the generator's state."""
    cv2 = importlib.import_module("cv2")
    return cv2.randu(np.zeros(1), 0, 1)


@dataclass(frozen=True, slots=True)
class _OneStart:
    """Make a loader whose workers start in the same random states."""

    make_loader: Callable[[], DataLoader[Any]]

    def __call__(self) -> DataLoader[Any]:
        loader = copy.copy(self.make_loader())
        loader.__dict__["worker_init_fn"] = _SameStates(loader.worker_init_fn)
        return loader


@dataclass(frozen=True, slots=True)
class _SameStates:
    """A ``worker_init_fn`` after which every worker has the same random states."""

    worker_init_fn: Callable[[int], None] | None

    def __call__(self, worker_id: int) -> None:
        if self.worker_init_fn is not None:
            self.worker_init_fn(worker_id)
        found = reachable_generators({"dataset": dataset_of_worker(None)})
        for position, generator in enumerate(found.values()):
            generators.reseed(generator, np.random.SeedSequence([0, position]))
