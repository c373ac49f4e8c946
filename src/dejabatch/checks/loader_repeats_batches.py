"""The loader delivers batches again that it has delivered before."""

from itertools import pairwise

from dejabatch.evidence import Evidence
from dejabatch.evidence.orders import reseeded_by_loader, reseeded_by_sampler
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

UNLESS = {"getitem-ignores-index"}

_FEWEST_BATCHES = 3
_FIX = (
    "Yield from `super().__iter__()` in each epoch, and neither keep batches nor set a "
    "seed in the loader's `__iter__`."
)


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for one batch several times in a row, and for an epoch that comes again.

    An endless loader starts over when all samples have come, which is right.
    """
    facts = observation.facts
    delivered = observation.delivered
    if facts is not None and not facts.data_loader:
        delivered = observation
    if delivered is None:
        cannot_tell("the loader delivers what torch's own DataLoader does")
    if observation.expect.repeats:
        return None
    epochs = _batches(delivered)
    first = epochs.get(0, [])
    inside = [] if delivered is observation else _batches(observation).get(0, [])
    if len(first) >= _FEWEST_BATCHES and len(set(first)) == 1 < len(set(inside)):
        return _one_batch(first)
    if len(first) < _FEWEST_BATCHES or len(set(first)) < 2:
        cannot_tell("fewer than three batches that differ were delivered")
    again = _in_a_row(first)
    if again >= max(2, len(first) // 4) and again > _in_a_row(inside):
        return Diagnosis(
            severity="warning",
            where="loader.__iter__",
            evidence=f"{len(set(first))} of {len(first)} batches of an epoch are "
            "different: the same batch comes several times in a row",
            fix="Count the first delivery of a batch, too, or yield a new batch each time; "
            "pass `expect=Expect(repeats=True)` to `audit` if that is meant.",
        )
    if delivered is observation:
        return None
    if lost := _lost(observation, first) or _too_few(observation):
        return lost
    found = _same_epochs(observation, epochs) or _reseeds(evidence)
    return found or _makes_alike(observation)


def _one_batch(first: list[bytes]) -> Diagnosis:
    return Diagnosis(
        severity="error",
        where="loader.__iter__",
        evidence=f"all {len(first)} batches of an epoch are one and the same, and with the "
        "`__iter__` of torch's DataLoader they are not",
        title="The loader delivers its first batch again and again",
        fix="Iterate the DataLoader once in each epoch: `for batch in loader`, without "
        "`next(iter(loader))`.",
    )


def _too_few(observation: Observation) -> Diagnosis | None:
    """Look for a wrapper that says how many batches it has, and delivers fewer."""
    delivered = observation.delivered
    said = delivered and delivered.facts and delivered.facts.num_batches
    if delivered is None or not said or not all(e.complete for e in delivered.ends):
        return None
    given = {len(batches) for batches in _batches(delivered).values()}
    inside = {len(batches) for batches in _batches(observation).values()}
    if inside != {said} or max(given, default=said) >= said:
        return None
    return Diagnosis(
        severity="error",
        where="loader.__iter__",
        evidence=f"each epoch has {said} batches, as `len(loader)` says, and the loader "
        f"delivers {max(given)} of them",
        title="A wrapper of the DataLoader loses batches",
        fix="Yield the batch that is still held when the DataLoader has come to its end.",
    )


def _in_a_row(batches: list[bytes]) -> int:
    return sum(one == other for one, other in pairwise(batches))


def _lost(observation: Observation, first: list[bytes]) -> Diagnosis | None:
    """Look for a batch that comes twice in an epoch that torch's iteration has no longer.

    torch's own epochs must have no batch twice.
    """
    inside = _batches(observation).get(0, [])
    if len(set(inside)) < len(inside) or len(first) != len(inside):
        return None
    if not (twice := len(first) - len(set(first))):
        return None
    return Diagnosis(
        severity="error",
        where="loader.__iter__",
        evidence=f"{twice} of {len(first)} batches of an epoch come again, so as many are "
        "never delivered",
        title="A DataLoader subclass loses batches",
        fix="Yield each batch of `super().__iter__()` once: keep the batch in a local "
        "variable before you fetch the next one.",
    )


def _same_epochs(
    observation: Observation, epochs: dict[int, list[bytes]]
) -> Diagnosis | None:
    """Look for epochs that differ when torch iterates the loader, and not as delivered."""
    one, other = epochs.get(0, []), epochs.get(1, [])
    inside = _batches(observation)
    if sorted(one) != sorted(other) or not inside.get(1):
        return None
    if sorted(inside[0]) == sorted(inside[1]):
        return None
    if observation.expect.fixed_order or observation.expect.deterministic:
        return None
    order = "" if one == other else " in another order"
    return Diagnosis(
        severity="error",
        where="loader.__iter__",
        evidence=f"all {len(one)} batches of the second epoch are those of the first"
        f"{order}, and with the `__iter__` of torch's DataLoader they are not",
        title="A DataLoader subclass repeats its first epoch",
        fix=_FIX,
    )


def _reseeds(evidence: Evidence[Observation]) -> Diagnosis | None:
    """Look for global generators that the loader's ``__iter__`` seeds in each epoch."""
    names = [
        name
        for name in evidence.of(reseeded_by_loader)
        if name not in evidence.of(reseeded_by_sampler)
    ]
    if not names:
        return None
    return Diagnosis(
        severity="error",
        where="loader.__iter__",
        evidence=f"{', '.join(names)} is in the same state after the first batch of every "
        "epoch, and with the `__iter__` of torch's DataLoader it is not",
        title="A DataLoader subclass resets the random seed in every epoch",
        fix=_FIX,
    )


def _makes_alike(observation: Observation) -> Diagnosis | None:
    """Look for a generator that the loader's ``__iter__`` makes in the same state again."""
    functions = observation.begun_twice.made_alike
    if not functions or observation.expect.deterministic:
        return None
    return Diagnosis(
        severity="warning",
        where="loader.__iter__",
        evidence=f"{', '.join(functions)} makes a generator in the same state in every "
        "epoch",
        title="A DataLoader subclass draws the same random numbers in every epoch",
        fix="Make the generator once, before the first epoch; pass "
        "`expect=Expect(deterministic=True)` to `audit` if the same numbers are meant.",
    )


def _batches(delivered: Observation) -> dict[int, list[bytes]]:
    epochs: dict[int, list[bytes]] = {}
    for fetch in delivered.fetches:
        epochs.setdefault(fetch.epoch, []).append(fetch.digests.tobytes())
    return epochs
