"""A generator that is copied into every worker, and that nothing seeds there."""

import contextlib
from collections.abc import Mapping

from dejabatch.checks import inplace_edit_of_stored_data, stateful_cursor
from dejabatch.checks._alike import Axis, repeated, repeated_variation
from dejabatch.state import generators as rng
from dejabatch.observe.record import Observation
from dejabatch.report import CannotTell, Finding


def check(observation: Observation) -> Finding | None:
    """Look for stored generators that start alike and are drawn from alike."""
    facts = observation.facts
    libraries = {} if facts is None else facts.libraries
    found = {
        path: axes
        for path, axes in repeated(observation).items()
        if path not in rng.GLOBAL_NAMES
        and path not in libraries
        and not path.startswith("collate_fn")
    }
    return finding_of("rng-object-on-dataset", found, observation) or _made_late(
        observation
    )


def _made_late(observation: Observation) -> Finding | None:
    """Look for a generator that is not there before the first sample, or out of reach."""
    answers = observation.answers
    if answers is None or not answers.changes_by_itself:
        return None
    for other in (stateful_cursor, inplace_edit_of_stored_data):
        # Where another cannot tell, this one may.
        with contextlib.suppress(CannotTell):
            if other.check(observation):
                return None
    with contextlib.suppress(CannotTell):
        if evidence := repeated_variation(observation):
            return Finding(
                slug="rng-object-on-dataset",
                severity="error",
                where="dataset.__getitem__",
                evidence=f"{evidence}, from a generator that was not there before them",
            )
    return None


def finding_of(
    slug: str, found: Mapping[str, set[Axis]], observation: Observation
) -> Finding | None:
    """Tell of generators that repeat themselves; None if there is none."""
    if not found:
        return None
    workers = len({worker for _, worker in observation.first_fetches()})
    by_axis = {
        "worker": f"the {workers} workers draw the same numbers from it",
        "epoch": "a worker draws the same numbers from it in the next epoch",
    }
    path = min(found, key=len)
    evidence = " and ".join(text for a, text in by_axis.items() if a in found[path])
    if others := sorted(found.keys() - {path}):
        evidence += f"; so it is with {', '.join(others)}"
    return Finding(slug=slug, severity="error", where=path, evidence=evidence)
