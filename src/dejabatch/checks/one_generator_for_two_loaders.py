"""Two loaders draw their orders from one generator, or from two that are alike."""

import numpy as np

from dejabatch.observe.record import Pair
from dejabatch.report import CannotTell, Finding

# Ten shuffled samples come in one order twice by chance once in 3.6 million.
_FEWEST = 10


def check(pair: Pair) -> Finding | None:
    """Look for a shared generator, and for one order drawn from two generators."""
    for _, path, kind in pair.shared:
        if kind == "generator" and path.startswith(("generator", "sampler")):
            return Finding(
                slug="one-generator-for-two-loaders",
                severity="warning",
                where=path,
                evidence="both loaders draw from one generator, so that each pass over "
                "one changes the order of the other",
            )
    facts = pair.a.facts, pair.b.facts
    if any(one is None or not one.own_generator for one in facts):
        msg = (
            "the loaders draw their orders from torch's global generator, or not at all"
        )
        raise CannotTell(msg)
    orders = [seen.orders()[0] for seen in (pair.a, pair.b) if seen.orders()]
    shortest = min(map(len, orders), default=0)
    if len(orders) < 2 or shortest < _FEWEST:
        msg = f"fewer than {_FEWEST} integer indices were read"
        raise CannotTell(msg)
    one, other = (order[:shortest] for order in orders)
    if not np.array_equal(one, other) or (np.diff(one) > 0).all():
        return None
    return Finding(
        slug="one-generator-for-two-loaders",
        severity="error",
        where="sampler.generator",
        evidence=f"the first {shortest} indices of both loaders are the same, in the same "
        "random order",
    )
