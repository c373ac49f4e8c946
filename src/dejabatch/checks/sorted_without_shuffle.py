"""Samples are sorted by label, and the loader does not shuffle."""

from dejabatch.checks._labels import grouped
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for batches of one label each, where the loader is one for training.

    Without shuffling that is right for validation. Random samples show that it is for
    training; otherwise only the user knows.
    """
    facts, expect = observation.facts, observation.expect
    if facts is None or not facts.map_style or not facts.data_loader:
        msg = "the dataset is iterable"
        raise CannotTell(msg)
    evidence = grouped(observation)
    if evidence is None or expect.fixed_order or facts.shuffles:
        return None
    if expect.fixed_order is None and not observation.random:
        msg = (
            f"{evidence}; pass expect=Expect(fixed_order=False) if it is for training, "
            "or True if not"
        )
        raise CannotTell(msg)
    return Finding(
        slug="sorted-without-shuffle",
        severity="warning" if expect.fixed_order is None else "error",
        where=facts.sampler_path,
        evidence=evidence,
    )
