"""Read a stream where it is not split, to see what its workers leave out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader

from dejabatch.observe.batches import digests_of, flat
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.observe.record import Observation, WholeStream

# As many times the samples of the workers; a longer stream has no end in sight.
_MOST = 8
_CHUNK = 64


def whole_stream(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
) -> WholeStream | None:
    """Read a pass over an iterable dataset in a process that is not a worker.

    Parameters
    ----------
    make_loader, observation, time_limit
        As for `dejabatch.observe.experiments.ask_again.ask`.

    Returns
    -------
    dejabatch.observe.record.WholeStream or None
        The samples of the pass. None if there are fewer than two workers, if they did not read
        an epoch to its end, or if the stream is much longer than what the workers gave.
    """
    facts, answers = observation.facts, observation.answers
    complete = any(end.epoch == 0 and end.complete for end in observation.ends)
    if facts is None or facts.num_workers < 2 or not complete:
        return None
    samples = sum(map(len, observation.streams().values()))
    outcome = run_isolated(_ReadAll(make_loader, _MOST * samples), time_limit)
    whole = next((seen for seen in outcome.sent if isinstance(seen, WholeStream)), None)
    if answers is None or answers.depends_on or answers.changes_by_itself:
        return whole and whole._replace(samples=frozenset())
    return whole


@dataclass(frozen=True, slots=True)
class _ReadAll:
    """Make a loader and iterate its dataset; runs in another process."""

    make_loader: Callable[[], DataLoader[Any]]
    most: int

    def __call__(self, send: Send) -> None:
        loader = self.make_loader()
        stream = iter(loader.dataset)
        items = itertools.islice(stream, self.most)
        samples = iter(items if loader.batch_sampler is not None else flat(items))
        seen: list[bytes] = []
        while chunk := list(itertools.islice(samples, _CHUNK)):
            seen += digests_of(chunk).samples
        if next(stream, None) is None:
            send(WholeStream(frozenset(seen), len(seen)))
