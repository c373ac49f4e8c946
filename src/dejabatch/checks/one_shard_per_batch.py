"""A worker fills a batch with neighbours in its stream, which have one label."""

from dejabatch.checks._labels import grouped
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for batches of one label each, where the stream is one for training.

    In one order for ever, that is right for validation. Another order in the second epoch
    shows that somebody shuffles; otherwise only the user knows.
    """
    facts, expect = observation.facts, observation.expect
    if facts is None or facts.map_style or not facts.data_loader:
        msg = "the dataset is not iterable"
        raise CannotTell(msg)
    evidence = grouped(observation)
    if evidence is None or expect.fixed_order:
        return None
    if expect.fixed_order is None and observation.repeats() is not False:
        msg = (
            f"{evidence}; pass expect=Expect(fixed_order=False) if it is for training, "
            "or True if not"
        )
        raise CannotTell(msg)
    return Finding(
        slug="one-shard-per-batch",
        severity="warning" if expect.fixed_order is None else "error",
        where="dataset.__iter__",
        evidence=evidence,
    )
