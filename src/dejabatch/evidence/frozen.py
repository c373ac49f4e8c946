"""Parts of samples that never vary, and that another making of the loader changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from dejabatch.chance import FEWEST_EQUAL
from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.findings import cannot_tell
from dejabatch.observe.record import Observation

# Share of other samples in a second making among which a shuffled one may be.
_MOST_MOVED = 0.1


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A part of samples that is fixed, and differs when the loader is made again.

    Attributes
    ----------
    part : str
        Its path in a sample; empty for the whole sample.
    new : int
        How many indices have a content that the first making has under no index.
    compared : int
        How many indices both makings have.
    """

    part: str
    new: int
    compared: int


def fixed_parts(
    observation: Observation, _evidence: Evidence[Observation]
) -> tuple[str, ...]:
    """Return the parts of samples that vary neither with generators nor with the epoch.

    Raises
    ------
    dejabatch.findings.CannotTell
        As `dejabatch.evidence.answers.answers_of` does.
    """
    fixed = answers_of(observation).fixed_parts
    one, other = observation.parts_by_index(0), observation.parts_by_index(1)
    return tuple(p for p in fixed if not _varies(_column(one, p), _column(other, p)))


def redrawn(
    observation: Observation, evidence: Evidence[Observation]
) -> Redrawn | None:
    """Return the fixed part that differs most when the loader is made again.

    Raises
    ------
    dejabatch.findings.CannotTell
        If the function makes another subset each time, or if an index has no sample.
    """
    rebuilt = observation.rebuilt
    if rebuilt is None or observation.facts is None or rebuilt.facts is None:
        cannot_tell("the loader was not made a second time")
    if observation.facts.subset != rebuilt.facts.subset:
        cannot_tell("the function makes another random subset each time")
    here, there = observation.parts_by_index(0), rebuilt.parts_by_index(0)
    found = [
        compared
        for part in evidence.of(fixed_parts)
        if (compared := _compare(part, _column(here, part), _column(there, part)))
    ]
    return max(found, key=lambda one: one.new, default=None)


def _column(parts: Mapping[str, Mapping[int, bytes]], path: str) -> Mapping[int, bytes]:
    """Return a part of each sample; the whole sample where it has no other part."""
    whole = parts.get("", {}) if parts.keys() == {""} else {}
    return parts.get(path, whole)


def _varies(one: Mapping[int, bytes], other: Mapping[int, bytes]) -> bool:
    return any(one[index] != other[index] for index in one.keys() & other.keys())


def _compare(
    part: str, here: Mapping[int, bytes], there: Mapping[int, bytes]
) -> Redrawn | None:
    """Compare a part of two makings, unless it is a label or its samples have moved."""
    known = set(here.values())
    common = here.keys() & there.keys()
    if 2 * len(known) < len(here):
        return None
    other = [index for index in common if here[index] != there[index]]
    new = sum(there[index] not in known for index in other)
    moved = len(other) - new
    if new < min(FEWEST_EQUAL, len(common)) or new < 2 or moved > _MOST_MOVED * new:
        return None
    return Redrawn(part, new, len(common))
