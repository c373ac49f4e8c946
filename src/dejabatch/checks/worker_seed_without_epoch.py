"""Each worker seeds a global generator with one number in every epoch."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import facts_of
from dejabatch.evidence.generators import reseeded_globals
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Observation

UNLESS = {"constant-worker-seed"}


def check(
    observation: Observation, evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for global generators with one state in several epochs of a worker.

    Without a ``worker_init_fn`` the cause is another: the main process repeats itself.
    """
    found = evidence.of(reseeded_globals)["epoch"]
    if not found or not facts_of(observation).worker_init_fn:
        return None
    return Diagnosis(
        severity="error",
        where="worker_init_fn",
        evidence=f"a worker draws the same numbers from {', '.join(found)} in the next "
        "epoch",
    )
