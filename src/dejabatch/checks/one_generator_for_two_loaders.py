"""Two loaders draw their orders from one generator, or from two with one seed."""

import numpy as np

from dejabatch.chance import FEWEST_TO_COMPARE
from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import Pair


def check_pair(pair: Pair, _evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for a shared generator, and for one order drawn from two generators."""
    for _, path, kind in pair.shared_objects:
        if kind == "generator" and path.startswith(("generator", "sampler")):
            return Diagnosis(
                severity="warning",
                where=path,
                evidence="both loaders draw from one generator, so that each pass over "
                "one changes the order of the other",
            )
    facts = pair.a.facts, pair.b.facts
    if any(one is None or not one.sampler_has_generator for one in facts):
        cannot_tell(
            "the loaders draw their orders from torch's global generator, or not at all"
        )
    orders = [seen.orders()[0] for seen in (pair.a, pair.b) if seen.orders()]
    shortest = min(map(len, orders), default=0)
    if len(orders) < 2 or shortest < FEWEST_TO_COMPARE:
        cannot_tell(f"fewer than {FEWEST_TO_COMPARE} integer indices were read")
    one, other = (order[:shortest] for order in orders)
    if not np.array_equal(one, other) or (np.diff(one) > 0).all():
        return None
    return Diagnosis(
        severity="error",
        where="sampler.generator",
        evidence=f"the first {shortest} indices of both loaders are the same, in the same "
        "random order",
    )
