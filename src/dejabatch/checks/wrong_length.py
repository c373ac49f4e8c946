"""The dataset says that it is longer than it is."""

from collections import Counter
from itertools import pairwise

from dejabatch.checks._answers import answers_of, given
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding

# Fewer equal samples may be true duplicates, or blank images with one label in turn.
_FEWEST = 8


def check(observation: Observation) -> Finding | None:
    """Look for samples that begin again after a number of indices."""
    facts = observation.facts
    if facts is None or facts.length is None or not facts.map_style:
        msg = "there is no map-style dataset with a length"
        raise CannotTell(msg)
    if observation.expect.repeats:
        return None
    period = _period(observation)
    if period is None:
        answers = answers_of(observation)
        periods = [p for p in given(answers, answers.periods) if p >= _FEWEST]
        period = min(periods, default=None)
    if period is None:
        return None
    same = "give the same sample"
    if observation.random:
        same += " when the random generators are in the same states"
    return Finding(
        slug="wrong-length",
        severity="warning",
        where="dataset.__len__",
        evidence=f"index i and index i + {period} {same}, and the dataset says that it has "
        f"{facts.length}",
    )


def _period(observation: Observation) -> int | None:
    """Return after how many indices all samples repeat themselves."""
    samples: dict[int, bytes] = {}
    for fetch in observation.fetches:
        for index, digest in fetch.pairs():
            samples.setdefault(index, digest)
    indices: dict[bytes, list[int]] = {}
    for index in sorted(samples):
        indices.setdefault(samples[index], []).append(index)
    if len(indices) < 2:
        return None
    steps = Counter(
        other - one for same in indices.values() for one, other in pairwise(same)
    )
    for step, count in steps.most_common(1):
        pairs = [i for i in samples if i + step in samples]
        equal = sum(samples[i] == samples[i + step] for i in pairs)
        # Neighbours that are alike are blank or sorted, and not begun again.
        if step >= _FEWEST and count >= _FEWEST and equal >= 0.9 * len(pairs):
            return step
    return None
