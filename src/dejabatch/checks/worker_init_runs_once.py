"""What worker_init_fn hands to the dataset stays for all epochs of a persistent worker."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for samples that repeat with persistent workers, and with no others."""
    facts, answers = observation.facts, observation.answers
    if facts is None or not facts.persistent_workers or not facts.worker_init_fn:
        msg = "it needs persistent workers and a worker_init_fn"
        raise CannotTell(msg)
    repeats = observation.repeats()
    if repeats is None:
        msg = "fewer than ten samples that differ came in two epochs"
        raise CannotTell(msg)
    if not repeats or not facts.map_style or observation.expect.deterministic:
        return None
    restarted = observation.restarted
    if restarted is None or restarted.repeats() is None:
        msg = "it was not read with new workers"
        raise CannotTell(msg)
    if restarted.repeats():
        return None
    if answers is not None and {*answers.moved_first} - {answers.first}:
        return None  # random, and then kept in a cache
    return Finding(
        slug="worker-init-runs-once",
        severity="error",
        where="worker_init_fn",
        evidence=f"{len(observation.by_index(0))} indices have the same samples in both "
        "epochs, and different ones when each epoch starts new workers",
    )
