"""Ranks repeat samples so that all have the same number, and metrics count them."""

from dejabatch.distributed.record import Ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.ranks import common_indices, map_style_leaders, one_dataset
from dejabatch.findings import Diagnosis, cannot_tell

UNLESS = {"no-distributed-sampler", "wrong-rank", "data-split-twice", "ranks-disagree"}


def check_ranks(ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for a few samples on two ranks, in loaders that do not shuffle.

    In training the repeated samples do no harm.
    """
    found = evidence.of(map_style_leaders)
    evaluates = ranks.expect.deterministic or all(
        header.ascending or not header.samples for header in found
    )
    if not evaluates or not evidence.of(one_dataset):
        return None
    if not all(header.complete for header in found):
        cannot_tell("the epoch was not read to its end; raise max_batches")
    seen = evidence.of(common_indices)
    length = found[0].length or 0
    batch = max(-(-h.samples // max(1, h.batches)) for h in found)
    if not 0 < seen.repeated <= batch * len(found) or seen.never(length):
        return None
    drawn = sum(header.samples for header in found)
    split = next(iter(found[0].splits), None)
    return Diagnosis(
        severity="warning",
        where=found[0].sampler_path if split is None else split.path,
        evidence=f"{drawn} samples are drawn from {length}: {seen.say(seen.repeated)} "
        f"of them repeat, so that each of {len(found)} ranks has as many",
    )
