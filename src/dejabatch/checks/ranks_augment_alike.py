"""Ranks draw the same random numbers for different samples."""

from dejabatch.distributed.record import Ranks, say_ranks
from dejabatch.evidence import Evidence
from dejabatch.evidence.ranks import leaders
from dejabatch.findings import Diagnosis

UNLESS = {"no-distributed-sampler", "stream-not-split-by-rank"}


def check_ranks(_ranks: Ranks, evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for a generator that starts in one state on several ranks."""
    found = evidence.of(leaders)
    for path in sorted(found[0].generators, key=len):
        owners: dict[bytes, list[int]] = {}
        for header in found:
            for state in set(header.generators.get(path, ())):
                owners.setdefault(state, []).append(header.rank)
        shared = [ranks for ranks in owners.values() if len(ranks) > 1]
        if not shared:
            continue
        processes = "workers" if found[0].num_workers else "the main processes"
        states = f"{len(shared)} equal state{'s' if len(shared) > 1 else ''}"
        return Diagnosis(
            severity="warning",
            where=path,
            evidence=f"samples depend on {path}, and {processes} of "
            f"{say_ranks(sorted({r for ranks in shared for r in ranks}))} start the "
            f"epoch with {states} of it",
        )
    return None
