"""Register the probes: functions that each measure one behaviour of the installed torch.

A probe returns whether the sentence in its docstring is true, and what it measured. The
files of this folder run on Python 3.8 and torch 1.8, and import no dejabatch.
"""

from typing import Callable, Dict, NamedTuple, Optional, Tuple

Measured = Tuple[bool, str]
METHODS = ("fork", "forkserver", "spawn")


class Absent(Exception):
    """Says that this release lacks what a probe needs."""


class Probe(NamedTuple):
    """One behaviour."""

    statement: str
    """A sentence that is true or false for a release."""
    measure: Callable[..., Measured]
    slug: Optional[str]
    """The failure mode whose cause is the behaviour."""
    starts_workers: bool
    """Whether the probe is repeated with each start method."""


PROBES: Dict[str, Probe] = {}
"""All probes by name."""


def behaviour(slug: Optional[str] = None, *, starts_workers: bool = False):
    """Register a function as the probe of a behaviour."""

    def register(function):
        name = function.__name__.replace("_", "-")
        statement = " ".join(function.__doc__.split())
        PROBES[name] = Probe(statement, function, slug, starts_workers)
        return function

    return register


def count(part: int, whole: int, things: str) -> str:
    """Return for example ``"1 of 4 numbers"``."""
    return f"{part} of {whole} {things}"
