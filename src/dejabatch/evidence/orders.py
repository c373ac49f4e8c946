"""Facts about the order of indices, epochs and streams."""

from collections.abc import Iterable
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from dejabatch.chance import FEWEST_TO_COMPARE
from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import more_epochs, whole_epochs
from dejabatch.findings import cannot_tell
from dejabatch.observe.record import MAIN_PROCESS, Census, Observation, Pair

# Two batches of a short epoch may hold the same indices by chance.
_FEWEST_BATCHES: Final = 3


def repeated_order(
    observation: Observation, _evidence: Evidence[Observation]
) -> npt.NDArray[np.int64] | None:
    """Return the order that all epochs share, unless the order is ascending.

    Returns
    -------
    numpy.ndarray or None
        Indices, int64 of shape (samples,).

    Raises
    ------
    dejabatch.findings.CannotTell
        If the epochs had no indices, if only one was read, or if they are too short.
    """
    orders = observation.orders()
    if len(orders) < 2:
        remedy = more_epochs(observation) if orders else ""
        cannot_tell("fewer than two epochs with integer indices were read", remedy)
    shortest = min(map(len, orders))
    if shortest < FEWEST_TO_COMPARE:
        cannot_tell(
            f"epochs of fewer than {FEWEST_TO_COMPARE} samples may repeat by chance"
        )
    first, *others = (order[:shortest] for order in orders)
    if any(not np.array_equal(first, other) for other in others):
        return None
    if delivered_otherwise(observation):
        return None
    # A sampler for several ranks may start over once, at its end.
    descents = int((np.diff(first) < 0).sum())
    return first if descents > 1 else None


def delivered_otherwise(observation: Observation) -> bool:
    """Return whether the loader's own ``__iter__`` delivers epochs that differ.

    Such a loader may call ``set_epoch`` itself.
    """
    delivered = observation.delivered
    if delivered is None or observation.random:
        return False
    one, other = (
        [f.digests.tobytes() for f in delivered.fetches if f.epoch == epoch]
        for epoch in range(2)
    )
    return len(other) > 0 and one != other


def order_varies(observation: Observation, _evidence: Evidence[Observation]) -> bool:
    """Return whether the sampler gave two epochs in different orders, or will do so.

    A sampler with a ``set_epoch`` waits for the training loop to call it.
    """
    draws = observation.draws
    later = [] if draws is None else [*draws.epochs, draws.after_set_epoch]
    orders = [order for order in (*observation.orders(), *later) if order is not None]
    shortest = min(map(len, orders), default=0)
    return any(
        not np.array_equal(orders[0][:shortest], order[:shortest])
        for order in orders[1:]
    )


def repeated_batches(
    observation: Observation, _evidence: Evidence[Observation]
) -> frozenset[frozenset[int]]:
    """Return the batches of the first epoch, if the second has them in another order.

    Returns
    -------
    frozenset of frozenset of int
        The indices of each batch; empty if a batch of one epoch shares some of its
        indices with a batch of the other.
    """
    first, second = batches_of(observation, 0), batches_of(observation, 1)
    again = set(first) & set(second)
    if first == second or len(again) < _FEWEST_BATCHES:
        return frozenset()
    return frozenset(first) if not_cut_otherwise(first, second) else frozenset()


def batches_of(observation: Observation, epoch: int) -> list[frozenset[int]]:
    """Return the indices of each batch of an epoch that has more than one sample."""
    return [
        frozenset(fetch.indices.tolist())
        for fetch in observation.fetches
        if fetch.epoch == epoch and fetch.indices is not None and len(fetch.indices) > 1
    ]


def not_cut_otherwise(
    one: Iterable[frozenset[int]], other: Iterable[frozenset[int]]
) -> bool:
    """Return whether batches that share an index share all indices."""
    batch_of = {index: batch for batch in one for index in batch}
    return all(
        batch_of.get(index, batch) == batch for batch in other for index in batch
    )


def empty_epochs(
    observation: Observation, _evidence: Evidence[Observation]
) -> list[int]:
    """Return the epochs that ended without a batch although an earlier one had some.

    Raises
    ------
    dejabatch.findings.CannotTell
        If no epoch was read to its end, if only one was read, or if the sampler may be
        endless.
    """
    if len(observation.ends) < 2:
        cannot_tell("fewer than two epochs were read", more_epochs(observation))
    if not any(end.complete for end in observation.ends):
        cannot_tell("no epoch was read to its end", whole_epochs(observation))
    if _may_be_endless(observation):
        cannot_tell("no epoch with batches was read to its end")
    full = {fetch.epoch for fetch in observation.fetches}
    return [
        end.epoch
        for end in observation.ends
        if end.complete
        and end.epoch not in full
        and end.epoch > min(full, default=end.epoch)
    ]


def _may_be_endless(observation: Observation) -> bool:
    """Return whether the sampler's first epoch had no end as far as it was read.

    An endless sampler needs no second pass, which is empty where a generator was left.
    """
    draws = observation.draws
    if draws is None or draws.complete:
        return False
    full = {fetch.epoch for fetch in observation.fetches}
    return not any(end.complete and end.epoch in full for end in observation.ends)


def streams_coincide(pair: Pair, _evidence: Evidence[Pair]) -> bool:
    """Return whether two iterable datasets of one class gave exactly the same samples."""
    a, b = pair.a.facts, pair.b.facts
    if a is None or b is None or a.map_style or b.map_style or a.dataset != b.dataset:
        return False
    one, other = pair.a.contents(), pair.b.contents()
    return len(one) > 1 and one == other


def reseeded_by_sampler(
    observation: Observation, _evidence: Evidence[Observation]
) -> tuple[str, ...]:
    """Return the global generators that the sampler seeds with a constant.

    Such a generator is in other states before two epochs, and in one state when the
    sampler has yielded its first index. A sampler with a ``set_epoch`` may seed with the
    epoch's number, and is not asked.
    """
    facts = observation.facts
    if facts is None or facts.sampler_has_set_epoch:
        return ()
    return _reset_in_each_epoch(
        [
            (end.states_before, end.states_at_first_index)
            for end in observation.ends
            if end.states_at_first_index
        ]
    )


def reseeded_by_loader(
    observation: Observation, _evidence: Evidence[Observation]
) -> tuple[str, ...]:
    """Return the global generators that the loader's own ``__iter__`` seeds.

    Such a generator is in other states before two epochs, and in one state after the
    first batch that is delivered.
    """
    delivered = observation.delivered
    if delivered is None:
        return ()
    firsts = delivered.first_fetches()
    return _reset_in_each_epoch(
        [
            (end.states_before, firsts[end.epoch, MAIN_PROCESS].census)
            for end in delivered.ends
            if end.states_before and (end.epoch, MAIN_PROCESS) in firsts
        ]
    )


def _reset_in_each_epoch(epochs: list[tuple[Census, Census]]) -> tuple[str, ...]:
    """Return the generators with other states before epochs, and one state in them."""
    found = set()
    for (before, state), (other_before, other_state) in combinations(epochs, 2):
        for name, digest in state.items():
            changed = digest not in {before.get(name), other_before.get(name)}
            same = digest == other_state.get(name)
            if changed and same and before.get(name) != other_before.get(name):
                found.add(name)
    return tuple(sorted(found))
