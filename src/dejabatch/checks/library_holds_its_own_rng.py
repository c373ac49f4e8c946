"""A library's transform holds a generator that is copied into every worker."""

from dataclasses import replace

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.generators import diagnose, repeated_in_samples
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for generators of installed libraries that repeat themselves."""
    libraries = facts_of(observation).library_generators
    found = {
        path: axes
        for path, axes in evidence.of(repeated_in_samples).items()
        if path in libraries
    }
    diagnosis = diagnose(found, observation)
    if diagnosis is None:
        return None
    library = libraries[diagnosis.where]
    return replace(diagnosis, evidence=f"{library} holds it: {diagnosis.evidence}")
