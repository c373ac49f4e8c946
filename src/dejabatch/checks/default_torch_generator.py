"""A ``torch.Generator()`` that nobody seeds draws the same in every run."""

import torch

from dejabatch.checks._alike import repeated
from dejabatch.state import generators as rng
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for generators that have torch's default seed, and are drawn from."""
    if not observation.ends:
        msg = "no epoch was read to its end, or to max_batches"
        raise CannotTell(msg)
    # Each epoch draws its order, or the workers' seeds, from these.
    found = [*observation.ends[0].unseeded, *_of_samples(observation)]
    if not found:
        return None
    path = min(found, key=len)
    return Finding(
        slug="default-torch-generator",
        severity="warning",
        where=path,
        evidence=f"nobody has seeded {path}, so it begins alike in every run",
    )


def _of_samples(observation: Observation) -> list[str]:
    """Find those on which samples depend, unless all workers draw from them alike."""
    facts = observation.facts
    if observation.answers is None or facts is None:
        return []
    if facts.worker_init_fn and not facts.num_workers:
        return []  # it may seed them, and runs in workers only
    default = rng.digest(torch.Generator())
    starts = observation.epoch_starts().items()
    begun = {
        path
        for (epoch, _), census in starts
        for path, state in census.items()
        if epoch == 0 and state == default
    }
    try:
        in_workers = set(repeated(observation))
    except CannotTell:
        in_workers = set()
    return sorted(begun & set(observation.answers.depends_on) - in_workers)
