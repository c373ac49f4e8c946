"""Two ranks read the same stream."""

from dejabatch.checks._streams import coincide
from dejabatch.observe.record import Pair
from dejabatch.report import Finding


def check(pair: Pair) -> Finding | None:
    """Look for two iterable datasets of one class with exactly the same samples."""
    if not coincide(pair):
        return None
    samples = sum(len(fetch.digests) for fetch in pair.b.fetches)
    return Finding(
        slug="stream-not-split-by-rank",
        severity="error",
        where="dataset.__iter__",
        evidence=f"all of the {samples} samples that were read are those of the other "
        "loader",
    )
