"""A stream shuffles in one and the same way in every epoch."""

from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for epochs with the same samples in the same order.

    Many streams are meant to have one order. Where only new workers bring another, the
    stream was shuffled when its workers started; otherwise only the user knows.
    """
    facts, expect = observation.facts, observation.expect
    if facts is None or facts.map_style:
        msg = "the dataset is not iterable"
        raise CannotTell(msg)
    repeats = observation.repeats()
    if repeats is None:
        msg = "fewer than two epochs of ten samples that differ were read"
        raise CannotTell(msg)
    if not repeats or expect.fixed_order:
        return None
    restarted = observation.restarted
    at_start = restarted is not None and restarted.repeats() is False
    if not at_start and facts.told_epoch:
        msg = "the dataset has a set_epoch, which your loop calls and this does not"
        raise CannotTell(msg)
    if not at_start and expect.fixed_order is None:
        msg = (
            "all epochs have the same samples in the same order; pass "
            "expect=Expect(fixed_order=False) if they should not, or True if they should"
        )
        raise CannotTell(msg)
    samples = sum(len(stream) for stream in observation.streams().values())
    evidence = f"both epochs have the same {samples} samples in the same order"
    if at_start:
        evidence += ", and with new workers they do not"
    return Finding(
        slug="stream-with-fixed-shuffle",
        severity="error",
        where="dataset.__iter__",
        evidence=evidence,
    )
