"""The failure modes: one record each, looked up by slug.

Each section of the site has a module of records here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from dejabatch.catalogue import (
    order,
    randomness,
    ranks,
    resume,
    sample,
    streaming,
    workers,
)
from dejabatch.catalogue.record import SECTIONS, SIGNS, FailureMode

__all__ = ["FAILURE_MODES", "SECTIONS", "SIGNS", "FailureMode"]

_SECTIONS_OF_RECORDS = (
    sample,
    randomness,
    order,
    streaming,
    workers,
    ranks,
    resume,
)

FAILURE_MODES: Mapping[str, FailureMode] = MappingProxyType(
    {
        record.slug: record
        for section in _SECTIONS_OF_RECORDS
        for record in section.RECORDS
    }
)
"""Every failure mode by its slug, in the order of the site."""
