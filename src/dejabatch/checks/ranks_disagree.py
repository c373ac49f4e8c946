"""Ranks disagree on the dataset or on its order, and split what differs."""

from dejabatch.distributed.record import Ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.ranks import (
    common_contents,
    common_indices,
    contents_are_comparable,
    differing_indices,
    map_style_leaders,
    one_dataset,
    repeats_on_purpose,
)
from dejabatch.findings import Diagnosis, cannot_tell

UNLESS = {"data-split-twice", "wrong-rank"}

# Samples on several ranks that may be equal by chance, such as blank images.
_FEW = 0.05


def check_ranks(_ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for samples on several ranks, by index and by content."""
    found = evidence.of(map_style_leaders)
    if any(header.replacement for header in found):
        return None
    same = evidence.of(one_dataset)
    return _other_order(evidence) if same else _other_dataset(evidence)


def _other_dataset(evidence: Evidence[Ranks]) -> Diagnosis | None:
    found = evidence.of(map_style_leaders)
    lengths = sorted({header.length or 0 for header in found})
    if len(lengths) > 1:
        differ = (
            f"len(dataset) is {lengths[0]} on one rank and {lengths[-1]} on another"
        )
    else:
        number = evidence.of(differing_indices)
        differ = f"{number} of {len(found[0].probes)} indices are other samples on "
        differ += "other ranks"
    splits = found[0].parts >= len(found)
    if evidence.of(contents_are_comparable):
        seen = evidence.of(common_contents)
        if repeats_on_purpose(seen) or seen.shared <= max(1, _FEW * seen.distinct):
            return None
        return Diagnosis(
            severity="error",
            where="dataset",
            evidence=f"{seen.say(seen.shared)} of {seen.say(seen.distinct)} samples are "
            f"on several ranks: {differ}",
        )
    if not splits:
        cannot_tell("the datasets of the ranks differ, and their samples are random")
    return Diagnosis(
        severity="warning",
        where="dataset",
        evidence=f"{differ}, and the {found[0].splits[0].kind} splits the indices",
    )


def _other_order(evidence: Evidence[Ranks]) -> Diagnosis | None:
    found = evidence.of(map_style_leaders)
    number, length = len(found), found[0].length or 0
    places = {header.place for header in found}
    if found[0].parts < number or len(places) < number:
        return None
    seen = evidence.of(common_indices)
    if seen.shared < number or repeats_on_purpose(seen):
        return None  # padding, or a sampler that repeats each sample
    complete = all(header.complete for header in found)
    never = seen.never(length)
    if not (never if complete else seen.shared > _FEW * seen.distinct):
        return None
    text = (
        f"{seen.say(seen.shared)} of {seen.say(seen.distinct)} indices are on several "
    )
    text += "ranks"
    if complete:
        text += f", and {seen.say(never)} of {length} on none"
    return Diagnosis(
        severity="error",
        where=found[0].splits[-1].path,
        evidence=f"{text}: each rank shuffles in another order",
    )
