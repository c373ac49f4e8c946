"""An unseeded ``torch.Generator()`` draws the same in every run."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import repeated
from dejabatch.findings import CannotTell, Diagnosis, cannot_tell
from dejabatch.observe.record import DEFAULT_TORCH_GENERATOR, Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for generators that have torch's default seed and are drawn from."""
    if not observation.ends:
        cannot_tell("no epoch was read to its end, or to max_batches")
    # Each epoch draws its order, or the workers' seeds, from the unseeded generators.
    found = [
        *observation.ends[0].unseeded_generators,
        *_in_samples(observation, evidence),
    ]
    if not found:
        return None
    path = min(found, key=len)
    return Diagnosis(
        severity="warning",
        where=path,
        evidence=f"{path} was never seeded, so every run starts it in the same state",
    )


def _in_samples(observation: Observation, evidence: Evidence[Observation]) -> list[str]:
    """Return unseeded generators on which samples depend, unless all workers share them."""
    facts = observation.facts
    if observation.answers is None or facts is None:
        return []
    if facts.worker_init_fn and not facts.num_workers:
        return []  # worker_init_fn may seed the generator, and runs in workers only
    default = observation.known_states.get(DEFAULT_TORCH_GENERATOR)
    starts = observation.epoch_starts().items()
    started = {
        path
        for (epoch, _), census in starts
        for path, state in census.items()
        if epoch == 0 and state == default
    }
    try:
        in_workers = set(evidence.of(repeated))
    except CannotTell:
        in_workers = set()
    return sorted(started & set(observation.answers.depends_on) - in_workers)
