"""One module for each failure mode that an observation shows, named after its slug.

Each has a function ``check(observation)`` that returns a `Finding`, or None where it sees
nothing wrong, and raises `CannotTell` where the observation does not answer the question.
A check reads the observation only.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def _check_of(slug: str) -> Callable[[Observation], Finding | None]:
    module = import_module(f"{__name__}.{slug.replace('-', '_')}")
    check: Callable[[Observation], Finding | None] = module.check
    return check


CHECKS: Mapping[str, Callable[[Observation], Finding | None]] = MappingProxyType(
    {
        slug: _check_of(slug)
        for slug, mode in FAILURE_MODES.items()
        if mode.detected_by == "audit"
    }
)
"""The check of every failure mode that `dejabatch.audit` detects, by its slug."""
