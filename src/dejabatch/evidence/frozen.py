"""Parts of samples that never vary, and that another making of the loader changes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dejabatch.chance import FEWEST_EQUAL, FEWEST_TO_COMPARE
from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.findings import cannot_tell
from dejabatch.observe.record import BLANK, NO_CONTENT, Observation

# Share of other samples in a second making among which a shuffled one may be.
_MOST_MOVED = 0.1
# Smallest share of a part's contents that both makings have if they only change places.
_SHUFFLED = 0.8


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
    unchanged : int
        How many of these have the same content in both makings.
    """

    part: str
    new: int
    compared: int
    unchanged: int = 0


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
    return tuple(p for p in fixed if not _varies(*_columns(p, one, other)))


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
    if evidence.of(reordered) is not None:
        return None
    here, there = observation.parts_by_index(0), rebuilt.parts_by_index(0)
    columns = {part: _columns(part, here, there) for part in evidence.of(fixed_parts)}
    found = [
        compared
        for part, column in columns.items()
        if (compared := _compare(part, *column))
    ]
    if not found and len(columns) > 1:
        return _recombined(columns)
    return max(found, key=lambda one: one.new, default=None)


def _recombined(
    columns: Mapping[str, tuple[Mapping[int, bytes], Mapping[int, bytes]]],
) -> Redrawn | None:
    """Compare all fixed parts at once: a drawn negative is another index's positive.

    A part whose contents only change places was shuffled.
    """
    here, there = (
        _joined([column[making] for column in columns.values()]) for making in (0, 1)
    )
    # Some of the drawn pairs are those of another index by chance.
    if _compare("", here, there, most_moved=1.0) is None:
        return None
    drawn = {
        part: common - unchanged
        for part, column in columns.items()
        for common, unchanged in [_agreement(*column)]
        if _overlap(*column) < _SHUFFLED
    }
    if not drawn:
        return None
    part = max(drawn, key=lambda one: drawn[one])
    common, unchanged = _agreement(*columns[part])
    return Redrawn(part, drawn[part], common, unchanged)


def _joined(columns: Sequence[Mapping[int, bytes]]) -> dict[int, bytes]:
    """Return the contents of several parts as one, by index."""
    indices = set.intersection(*(set(column) for column in columns))
    return {i: b"".join(column[i] for column in columns) for i in sorted(indices)}


def _agreement(
    here: Mapping[int, bytes], there: Mapping[int, bytes]
) -> tuple[int, int]:
    """Return how many indices both have, and how many of these have one content."""
    common = here.keys() & there.keys()
    return len(common), sum(here[index] == there[index] for index in common)


def _overlap(here: Mapping[int, bytes], there: Mapping[int, bytes]) -> float:
    """Return the share of contents that are in other places, of those that are not kept."""
    moved = [i for i in here.keys() & there.keys() if here[i] != there[i]]
    one, other = (Counter(column[i] for i in moved) for column in (here, there))
    return (one & other).total() / max(len(moved), 1)


@dataclass(frozen=True, slots=True)
class Reordered:
    """Samples that are under other indices when the loader is made again.

    Attributes
    ----------
    part : str
        The part that shows it; empty for the whole sample.
    moved : int
        How many indices have another index's content.
    compared : int
        How many indices the dataset has.
    """

    part: str
    moved: int
    compared: int


def reordered(
    observation: Observation, evidence: Evidence[Observation]
) -> Reordered | None:
    """Return the part whose contents change places when the loader is made again.

    Whole epochs are compared. Few labels would have the same counts by chance.

    Raises
    ------
    dejabatch.findings.CannotTell
        As `redrawn` does, except that random samples may have fixed parts.
    """
    rebuilt = observation.rebuilt
    if rebuilt is None or observation.facts is None or rebuilt.facts is None:
        cannot_tell("the loader was not made a second time")
    if observation.facts.subset != rebuilt.facts.subset:
        return None
    if contents := _moved_contents(observation, rebuilt):
        return contents
    here, there = observation.parts_by_index(0), rebuilt.parts_by_index(0)
    found = []
    for part in evidence.of(fixed_parts):
        one, other = _columns(part, here, there)
        known = set(one.values())
        common, unchanged = _agreement(one, other)
        if len(known) < FEWEST_TO_COMPARE or one.keys() != other.keys():
            continue
        moved = common - unchanged
        if 2 * moved > common and Counter(one.values()) == Counter(other.values()):
            found.append(Reordered(part, moved, common))
    return max(found, key=lambda one: one.moved, default=None)


def _moved_contents(observation: Observation, rebuilt: Observation) -> Reordered | None:
    """Compare large contents, of which random data have no two equal ones.

    The first samples of a long list are enough, and so are those of a random choice.
    """
    one, other, again = (
        _contents(seen, epoch)
        for seen, epoch in ((observation, 0), (rebuilt, 0), (observation, 1))
    )
    known = set(one.values())
    if len(known) < len(one) or any(one[i] != again[i] for i in one.keys() & again):
        return None
    common, unchanged = _agreement(one, other)
    moved = sum(other[i] in known and other[i] != one.get(i) for i in other)
    if moved < FEWEST_EQUAL or unchanged > _MOST_MOVED * common:
        return None
    return Reordered("", moved, common)


def _contents(observation: Observation, epoch: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for fetch in observation.fetches:
        if fetch.epoch == epoch:
            found |= dict(fetch.content_by_index())
    return {i: c for i, c in found.items() if c not in {BLANK, NO_CONTENT}}


def _columns(
    path: str,
    here: Mapping[str, Mapping[int, bytes]],
    there: Mapping[str, Mapping[int, bytes]],
) -> tuple[Mapping[int, bytes], Mapping[int, bytes]]:
    """Return a part of each sample; whole samples where neither has parts."""
    if here.keys() == there.keys() == {""}:
        return here[""], there[""]
    return here.get(path, {}), there.get(path, {})


def _varies(one: Mapping[int, bytes], other: Mapping[int, bytes]) -> bool:
    return any(one[index] != other[index] for index in one.keys() & other.keys())


def _compare(
    part: str,
    here: Mapping[int, bytes],
    there: Mapping[int, bytes],
    *,
    most_moved: float = _MOST_MOVED,
) -> Redrawn | None:
    """Compare a part of two makings, unless it is a label or its samples have moved."""
    known = set(here.values())
    common = here.keys() & there.keys()
    if 2 * len(known) < len(here):
        return None
    other = [index for index in common if here[index] != there[index]]
    new = sum(there[index] not in known for index in other)
    moved = len(other) - new
    if new < min(FEWEST_EQUAL, len(common)) or new < 2 or moved > most_moved * new:
        return None
    return Redrawn(part, new, len(common), len(common) - len(other))
