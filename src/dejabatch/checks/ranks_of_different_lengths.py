"""Ranks have different numbers of batches, and wait for each other."""

from dejabatch.distributed.record import Header, Ranks
from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, Severity, cannot_tell

UNLESS = {"ranks-disagree"}


def check_ranks(ranks: Ranks, _evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for a rank whose epoch ends before the epoch of another rank."""
    ended = [header for header in ranks if _known(header)]
    if not ended:
        cannot_tell("no epoch was read to its end; raise max_batches")
    shortest = min(ended, key=_batches)
    # An epoch that was not read to its end has at least the batches that were read.
    longest = max(ranks, key=_batches)
    least, most = _batches(shortest), _batches(longest)
    if least == most:
        if len(ended) < len(ranks.headers):
            cannot_tell("some epochs were not read to their end; raise max_batches")
        return None
    more = "" if _known(longest) else " or more"
    first = ranks.headers[0]
    evaluates = all(header.ascending or not header.samples for header in ranks)
    severity: Severity = "note" if evaluates else "warning"
    return Diagnosis(
        severity=severity if least else "error",
        where=first.sampler_path if first.map_style else "dataset.__iter__",
        evidence=f"rank {shortest.rank} has {least} batches in an epoch and rank "
        f"{longest.rank} has {most}{more}",
    )


def _known(header: Header) -> bool:
    return header.complete or header.all_batches is not None


def _batches(header: Header) -> int:
    if header.all_batches is None:
        return header.batches
    return header.all_batches
