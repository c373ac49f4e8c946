"""A generator that ``collate_fn`` draws from is copied into every worker."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.generators import diagnose, repeated
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for generators of ``collate_fn`` that repeat themselves."""
    found = {
        path: axes
        for path, axes in evidence.of(repeated).items()
        if path.startswith("collate_fn")
    }
    return diagnose(found, observation)
