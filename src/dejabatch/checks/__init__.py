"""One module for each failure mode that an observation shows, named after its slug.

A module has a function ``check(observation, evidence)``, ``check_pair(pair, evidence)``
for two loaders, or ``check_ranks(ranks, evidence)`` for the ranks of a program. The function returns a `Diagnosis`, or None where nothing is wrong, and
raises `CannotTell` where the observation does not answer the question. The function reads
the observation and the evidence only. Where another failure mode explains the same
symptom, the module names that mode in ``UNLESS``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, TypeAlias

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.distributed.record import Ranks
from dejabatch.evidence import Evidence
from dejabatch.findings import SEVERITIES, CannotTell, Diagnosis, Finding
from dejabatch.observe.record import Observation, Pair

Check: TypeAlias = Callable[[Any, Evidence[Any]], Diagnosis | None]

_NAMES = {info.name for info in pkgutil.iter_modules(__path__)}
_MODULES: Mapping[str, ModuleType] = {
    slug: import_module(f"{__name__}.{name}")
    for slug in FAILURE_MODES
    if (name := slug.replace("-", "_")) in _NAMES
}


def _checks(function: str) -> Mapping[str, Check]:
    return MappingProxyType(
        {
            slug: getattr(module, function)
            for slug, module in _MODULES.items()
            if hasattr(module, function)
        }
    )


CHECKS = _checks("check")
"""The check of every failure mode that `dejabatch.audit` detects, by slug."""

PAIR_CHECKS = _checks("check_pair")
"""The check of every failure mode that `dejabatch.compare` detects, by slug."""

RANK_CHECKS = _checks("check_ranks")
"""The check of every failure mode that shows between ranks, by slug."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of all checks of one observation.

    Attributes
    ----------
    findings : tuple of Finding
        The most severe first.
    checked : tuple of str
        Slugs of the failure modes that would have been found.
    skipped : mapping of str to str
        Slugs of those that the observation does not show, each with the reason.
    untold : mapping of str to str
        The part of `skipped` whose reasons name what the user can do.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    untold: Mapping[str, str] = field(default_factory=dict)


def judge(
    seen: Observation | Pair | Ranks,
    checks: Mapping[str, Check],
    chosen: Collection[str] | None = None,
) -> Judgement:
    """Run checks on an observation.

    Parameters
    ----------
    seen : Observation, Pair or Ranks
        The observation.
    checks : mapping of str to callable
        `CHECKS`, `PAIR_CHECKS` or `RANK_CHECKS`.
    chosen : collection of str, optional
        Slugs to report on; by default all of `checks`.

    Returns
    -------
    Judgement
        A failure mode that another one explains is not among the findings.
    """
    evidence = Evidence(seen)
    found: dict[str, Diagnosis | None] = {}
    reasons: dict[str, CannotTell] = {}
    reported = [slug for slug in checks if chosen is None or slug in chosen]
    explained_by: dict[str, set[str]] = {}
    waiting = list(reported)
    while waiting:
        slug = waiting.pop()
        if slug not in explained_by:
            explained_by[slug] = _unless(slug) & checks.keys()
            waiting += explained_by[slug]
    for slug in TopologicalSorter(explained_by).static_order():
        explained = any(found.get(other) for other in explained_by[slug])
        try:
            diagnosis = checks[slug](seen, evidence)
        except CannotTell as reason:
            reasons[slug] = reason
        else:
            found[slug] = None if explained else diagnosis
    findings = [
        Finding(
            slug,
            diagnosis.severity,
            diagnosis.where,
            diagnosis.evidence,
            special_title=diagnosis.title,
            special_fix=diagnosis.fix,
        )
        for slug in reported
        if (diagnosis := found.get(slug)) is not None
    ]
    findings.sort(key=lambda finding: -SEVERITIES.index(finding.severity))
    return Judgement(
        findings=tuple(findings),
        checked=tuple(slug for slug in reported if slug in found),
        skipped={slug: str(reasons[slug]) for slug in reported if slug in reasons},
        untold={
            slug: str(reasons[slug])
            for slug in reported
            if slug in reasons and reasons[slug].remedy
        },
    )


def _unless(slug: str) -> set[str]:
    """Return the slugs whose findings explain what a check finds."""
    unless: set[str] = getattr(_MODULES.get(slug), "UNLESS", set())
    return unless
