"""Two objects split the data between ranks or workers, one after the other."""

from collections.abc import Sequence

from dejabatch.distributed.record import Header, Ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.ranks import (
    common_contents,
    common_indices,
    contents_are_comparable,
    leaders,
    one_dataset,
    splits_by_kind,
)
from dejabatch.findings import CannotTell, Diagnosis, cannot_tell
from dejabatch.observe.record import Observation

# A split that takes effect leaves at most half of what there was.
_MOST_OF_A_PART = 0.75

UNLESS = {"stream-not-split-by-worker"}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for samples of an iterable dataset that no worker yields."""
    if observation.whole_stream is None:
        cannot_tell(
            "no stream was read in several workers and in a process without any"
        )
    whole = observation.whole_stream.samples
    if observation.expect.repeats:
        return None
    read = observation.contents()
    # Workers that make samples of their own do not split the stream.
    if not read < whole or len(read) > _MOST_OF_A_PART * len(whole):
        return None
    workers = len(observation.streams())
    return Diagnosis(
        severity="warning",
        where="dataset.__iter__",
        evidence=f"a pass without workers has {len(whole)} different samples, and the "
        f"{workers} workers together yield {len(read)} of them",
        title="The workers leave out a part of the stream",
        fix="Split once: in the dataset's `__iter__` or in `worker_init_fn`.",
    )


def check_ranks(_ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for more parts than ranks, and for a split of datasets that are parts."""
    found = evidence.of(leaders)
    first, number = found[0], len(found)
    if len(splits_by_kind(first)) > 1 and first.parts > number:
        return _two_splits(found, evidence)
    if not first.map_style or first.parts < number or evidence.of(one_dataset):
        return None
    if not evidence.of(contents_are_comparable):
        return None  # ranks-disagree reports that the datasets differ
    if evidence.of(common_contents).shared > number:
        return None
    if not all(_is_part(header, header.length, 1) for header in found):
        return None
    split = first.splits[0]
    return Diagnosis(
        severity="error",
        where=split.path,
        evidence=f"the dataset of each rank is another part already, and the {split.kind} "
        f"splits it into {split.parts}: rank {first.rank} reads {first.draws} of the "
        f"{first.length} samples that it holds",
    )


def _two_splits(found: Sequence[Header], evidence: Evidence[Ranks]) -> Diagnosis | None:
    first, number = found[0], len(found)
    if first.map_style and not all(_is_part(h, h.length, number) for h in found):
        return None  # one of them repeats the numbers of the other
    splits = [split for split in first.splits if split.parts > 1]
    said = " and ".join(f"{s.kind} ({s.path}) into {s.parts}" for s in splits)
    lost = ""
    try:
        same = evidence.of(one_dataset)
        if same and first.length and all(header.complete for header in found):
            seen = evidence.of(common_indices)
            never = seen.say(seen.never(first.length))
            lost = f"; {never} of {first.length} indices are on no rank"
    except CannotTell:
        pass
    return Diagnosis(
        severity="error",
        where=splits[-1].path,
        evidence=f"the data are split for {number} ranks by {said} parts{lost}",
    )


def _is_part(header: Header, length: int | None, number: int) -> bool:
    """Return whether `number` ranks like this one leave much of the data unread."""
    if header.draws is None or not length:
        return True
    return header.draws * number < _MOST_OF_A_PART * length
