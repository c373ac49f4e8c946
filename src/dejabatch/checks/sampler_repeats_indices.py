"""The sampler yields some indices again and leaves others out."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import complete_epochs, facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Draws, Facts, Observation

# A sampler may leave out the last, smaller block or batch.
_LENGTH_TOLERANCE = 0.05
# The end of an epoch, where batches may be filled, begins at this share of it.
_START_OF_FILLING = 0.75
# By chance, so many indices would be missing after all epochs.
_LIKELY = 1e-3

UNLESS = {"class-weights-as-sample-weights"}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for indices drawn twice, and for indices never drawn, in a whole epoch.

    A sampler that draws with replacement, or repeats on purpose, does so too. Its code
    names functions for that, each index comes equally often, or a library defines it.
    """
    facts = facts_of(observation)
    if facts.length is None or not observation.orders():
        cannot_tell("there are no integer indices of a dataset with a length")
    replacement = observation.expect.replacement
    if replacement or (facts.replacement and replacement is None):
        return None
    epoch = _whole_epoch(observation)
    drawn, counts = np.unique(epoch, return_counts=True)
    twice, never = int((counts > 1).sum()), facts.length - len(drawn)
    # Other ranks draw the rest, and some ranks draw a few samples twice.
    if facts.num_replicas > 1:
        return None
    if twice and (lengths := _growing(observation)):
        return Diagnosis(
            severity="warning",
            where=facts.sampler_path,
            evidence=f"epochs have {lengths} indices, and {twice} come more than once",
            title="Each epoch has more samples than the epoch before",
            fix="Copy the list of indices in the sampler's `__iter__` before you add to it: "
            "`indices = list(self.indices)`.",
        )
    if not twice:
        return _left_out(observation, facts) if never else None
    evidence = f"an epoch of {len(epoch)} samples has {twice} indices more than once"
    if never:
        evidence += f" and leaves out {never} of {facts.length}"
    if replacement is False:
        return Diagnosis("error", facts.sampler_path, evidence)
    if not never:  # the last batch may be filled
        return None
    meant = "pass expect=Expect(replacement=True) if that is meant, or False if not"
    if _may_be_meant(observation, facts, counts) or _fills_last_batches(epoch):
        cannot_tell(evidence, meant)
    return Diagnosis(
        severity="warning",
        where=facts.sampler_path,
        evidence=evidence,
        fix="Yield every index once, such as `torch.randperm(len(dataset)).tolist()`; "
        f"{meant}.",
    )


def _growing(observation: Observation) -> str:
    """Return the lengths of epochs that grow; empty if they do not."""
    draws = observation.draws
    if draws is None or not draws.complete:
        return ""
    lengths = [len(epoch) for epoch in draws.epochs]
    grows = len(lengths) > 2 and all(a < b for a, b in pairwise(lengths))
    return ", ".join(map(str, lengths)) if grows else ""


def _left_out(observation: Observation, facts: Facts) -> Diagnosis | None:
    """Look for a shuffling sampler that leaves the same indices out of every epoch."""
    draws = observation.draws
    if draws is None or not draws.complete or facts.given_indices:
        return None
    first, *others = draws.epochs
    same = all(np.array_equal(np.unique(first), np.unique(other)) for other in others)
    if not same:
        return _never_drawn(draws, facts)
    if all(np.array_equal(first, other) for other in others):
        return _no_last_batch(observation, facts, first)
    never = facts.length - len(draws.indices()) if facts.length is not None else 0
    return Diagnosis(
        severity="note",
        where=facts.sampler_path,
        evidence=f"{len(draws.epochs)} epochs draw the same {len(draws.indices())} indices "
        f"in other orders, and never the other {never}",
        title="Some samples are never drawn",
        fix="Shuffle all indices first, and cut the end off afterwards.",
    )


def _never_drawn(draws: Draws, facts: Facts) -> Diagnosis | None:
    """Look for indices that many epochs leave out, each of which leaves out others."""
    length = facts.length or 0
    drawn = draws.indices()
    never = np.setdiff1d(np.arange(length), drawn)
    epochs = len(draws.epochs)
    shares = [len(np.unique(epoch)) / length for epoch in draws.epochs]
    expected = length * float(np.prod([1 - share for share in shares]))
    if not len(never) or expected > _LIKELY:
        return None
    # A sampler that is made for a part of the dataset does not know the other indices.
    known = draws.held is not None and bool(np.isin(never, draws.held).any())
    return Diagnosis(
        severity="warning" if known else "note",
        where=facts.sampler_path,
        evidence=f"{epochs} epochs draw {min(shares):.0%} or more of the {length} indices "
        f"each, and none draws {len(never)} of them, such as {never[0]}",
        title="Some samples are never drawn",
        fix="Yield the last, shorter batch of each group as well, or fill it from other "
        "groups.",
    )


def _no_last_batch(
    observation: Observation, facts: Facts, order: npt.NDArray[np.int64]
) -> Diagnosis | None:
    """Look for a sampler of the user's that drops a last, shorter batch in each epoch."""
    never = (facts.length or 0) - len(order)
    sizes = [len(f.indices) for f in observation.fetches if f.indices is not None]
    own = not facts.sampler.startswith("torch.utils.data")
    if not own or facts.drop_last or never >= max(sizes, default=0):
        return None
    if not np.array_equal(np.sort(order), np.arange(len(order))):
        return None
    return Diagnosis(
        severity="note",
        where=facts.sampler_path,
        evidence=f"every epoch has the indices 0 to {len(order) - 1}, and the last {never} "
        f"of {facts.length} are in no batch",
        title="The last samples are never drawn",
        fix="Yield the last, shorter batch as well, unless dropping it is meant: "
        "`range(0, len(dataset), batch_size)` has one start for each batch.",
    )


def _whole_epoch(observation: Observation) -> npt.NDArray[np.int64]:
    """Return the indices of the first epoch that was drawn to its end."""
    draws = observation.draws
    if draws is not None and draws.complete and draws.epochs:
        return draws.epochs[0]
    whole = complete_epochs(observation)[0]
    indices = [
        fetch.indices
        for fetch in observation.fetches
        if fetch.epoch == whole and fetch.indices is not None
    ]
    return np.concatenate(indices or [np.empty(0, np.int64)])


def _may_be_meant(
    observation: Observation, facts: Facts, counts: npt.NDArray[np.int64]
) -> bool:
    """Return whether repeated indices look like a choice of the user."""
    if facts.given_indices or not facts.sampler or facts.length is None:
        return True
    if facts.sampler_library is not None:  # the design of a published sampler
        return True
    # An epoch as long as the dataset, with nothing to choose by, looks like a permutation.
    as_long = abs(int(counts.sum()) - facts.length) <= _LENGTH_TOLERANCE * facts.length
    chosen = facts.sampler_holds_items or not as_long
    if chosen and (facts.draws_with_replacement or _is_episodic(observation)):
        return True
    # Repeated augmentation draws each index equally often; the epoch's end cuts one.
    often = np.bincount(counts)
    return int(counts.max()) > 1 and int(often[counts.max()]) >= len(counts) - 1


def _fills_last_batches(epoch: npt.NDArray[np.int64]) -> bool:
    """Return whether all indices come again in the last quarter of an epoch only.

    A sampler that groups samples fills the last batch of each group.
    """
    _, first = np.unique(epoch, return_index=True)
    again = np.setdiff1d(np.arange(len(epoch)), first)
    return int(again.min()) >= _START_OF_FILLING * len(epoch)


def _is_episodic(observation: Observation) -> bool:
    """Return whether batches are chosen one by one, as the tasks of few-shot learning.

    No batch has an index twice, and batches in a row share indices now and then. A window
    that moves too slowly shares equally many with each next one.
    """
    batches = [
        fetch.indices.tolist()
        for fetch in observation.fetches
        if fetch.epoch == 0 and fetch.indices is not None
    ]
    if any(len(batch) < 2 or len({*batch}) < len(batch) for batch in batches):
        return False
    shared = {len({*one} & {*other}) for one, other in pairwise(batches[:-1])}
    return len(shared) > 1
