"""One module for each failure mode that an observation shows, named after its slug.

Each has a function ``check(observation)`` that returns a `Finding`, or None where it sees
nothing wrong, and raises `CannotTell` where the observation does not answer the question.
A check reads the observation only.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeAlias

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.observe.record import Observation, Pair
from dejabatch.report import CannotTell, Finding, Report

Check: TypeAlias = Callable[[Observation], Finding | None]
PairCheck: TypeAlias = Callable[[Pair], Finding | None]


def _checks(detected_by: str) -> Mapping[str, Any]:
    modules = {
        slug: import_module(f"{__name__}.{slug.replace('-', '_')}")
        for slug, mode in FAILURE_MODES.items()
        if mode.detected_by == detected_by
    }
    return MappingProxyType({slug: m.check for slug, m in modules.items()})


CHECKS: Mapping[str, Check] = _checks("audit")
"""The check of every failure mode that `dejabatch.audit` detects, by its slug."""

PAIR_CHECKS: Mapping[str, PairCheck] = _checks("compare")
"""The check of every failure mode that `dejabatch.compare` detects, by its slug."""


def judge(
    seen: Observation | Pair, checks: Mapping[str, Callable[[Any], Finding | None]]
) -> Report:
    """Run checks on what was seen.

    Parameters
    ----------
    seen : dejabatch.observe.record.Observation or dejabatch.observe.record.Pair
        What was seen.
    checks : mapping of str to callable
        The checks by their slugs.

    Returns
    -------
    Report
        The findings, the worst first.
    """
    findings: list[Finding] = []
    checked: list[str] = []
    skipped: dict[str, str] = {}
    for slug, check in checks.items():
        try:
            finding = check(seen)
        except CannotTell as reason:
            skipped[slug] = str(reason)
            continue
        checked.append(slug)
        if finding is not None:
            findings.append(finding)
    findings.sort(key=lambda f: ("error", "warning", "note").index(f.severity))
    one, other = (seen.a, seen.b) if isinstance(seen, Pair) else (seen, None)
    return Report(tuple(findings), tuple(checked), skipped, one, other)
