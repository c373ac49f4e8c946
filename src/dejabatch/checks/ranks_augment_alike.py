"""Ranks draw the same random numbers for different samples."""

from dejabatch.distributed.record import Ranks
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
        most = max(map(len, owners.values()), default=0)
        if most < 2:
            continue
        shared = sum(len(ranks_of) > 1 for ranks_of in owners.values())
        workers = "worker" if found[0].num_workers else "main process"
        return Diagnosis(
            severity="warning",
            where=path,
            evidence=f"samples depend on {path}, which starts the epoch in {shared} "
            f"{'state' if shared == 1 else 'states'} that a {workers} of {most} of "
            f"{len(found)} ranks has",
        )
    return None
