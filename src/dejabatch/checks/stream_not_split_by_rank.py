"""Two ranks read the same stream."""

from dejabatch.distributed.record import Ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.orders import streams_coincide
from dejabatch.evidence.ranks import common_contents, leaders
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Pair

# Share of the samples that each rank must have, so that no rank has a part.
_ALL = 0.99


def check_pair(pair: Pair, evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for two iterable datasets of one class with exactly the same samples."""
    if not evidence.of(streams_coincide):
        return None
    samples = sum(len(fetch.digests) for fetch in pair.b.fetches)
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"all {samples} samples that were read are also in the other loader",
    )


def check_ranks(_ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for iterable datasets of which every rank gives all samples."""
    found = evidence.of(leaders)
    if any(header.map_style or not header.data_loader for header in found):
        cannot_tell("the dataset is not iterable")
    if any(header.samples < 2 for header in found):
        return None
    seen = evidence.of(common_contents)
    everywhere = float((seen.ranks == len(found)).mean()) if len(seen.ranks) else 0.0
    if everywhere < _ALL:
        return None
    return Diagnosis(
        severity="error",
        where="dataset.__iter__",
        evidence=f"each of {len(found)} ranks reads the same "
        f"{seen.say(seen.distinct)} samples",
    )
