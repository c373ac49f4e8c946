"""A library's transform holds a generator that is copied into every worker."""

from dataclasses import replace

from dejabatch.checks._alike import repeated
from dejabatch.checks.rng_object_on_dataset import finding_of
from dejabatch.observe.record import Observation
from dejabatch.report import Finding


def check(observation: Observation) -> Finding | None:
    """Look for generators of installed libraries that start and are drawn from alike."""
    facts = observation.facts
    libraries = {} if facts is None else facts.libraries
    found = {
        path: axes
        for path, axes in repeated(observation).items()
        if path in libraries and not path.startswith("collate_fn")
    }
    finding = finding_of("library-holds-its-own-rng", found, observation)
    if finding is None:
        return None
    whose = f"{libraries[finding.where]} holds it: {finding.evidence}"
    return replace(finding, evidence=whose)
