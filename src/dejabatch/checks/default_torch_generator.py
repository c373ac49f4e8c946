"""A ``torch.Generator()`` that nobody seeds draws the same in every run."""

from dejabatch.checks._alike import repeated
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for generators that have torch's default seed, and are drawn from."""
    facts = observation.facts
    if facts is None:
        msg = "the loader could not be made"
        raise CannotTell(msg)
    try:
        in_workers = set(repeated(observation))
    except CannotTell:
        in_workers = set()
    found = [
        path
        for path in facts.unseeded
        # A generator that all workers draw from alike is told of as such.
        if path not in in_workers and _is_drawn_from(path, observation)
    ]
    if not found:
        return None
    path = min(found, key=len)
    return Finding(
        slug="default-torch-generator",
        severity="warning",
        where=path,
        evidence=f"nobody has seeded {path}, so it begins alike in every run",
    )


def _is_drawn_from(path: str, observation: Observation) -> bool:
    if not path.startswith(("dataset", "collate_fn")):
        return True  # each epoch draws its order or the workers' seeds from it
    starts, ends = observation.epoch_starts(), observation.epoch_ends()
    return any(
        ends[key].get(path) != census.get(path) for key, census in starts.items()
    )
