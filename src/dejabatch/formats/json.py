"""JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from dejabatch.formats.places import place_of

if TYPE_CHECKING:
    from dejabatch.lint.place import Place
    from dejabatch.observe.record import Facts, Observation
    from dejabatch.report import Report

SCHEMA: Final = 2
"""Number of the format of all JSON that this package writes; `schema.json` describes it."""

_NOWHERE: Final = {"file": None, "line": None}


def report_as_json(report: Report) -> str:
    """Return an object with the findings, what was checked, and each loader's facts."""
    findings = [
        {
            "slug": finding.slug,
            "severity": finding.severity,
            "where": finding.where,
            "evidence": finding.evidence,
            "title": finding.title,
            "fix": finding.fix,
            "url": finding.url,
            **(_NOWHERE if place is None else place._asdict()),
        }
        for finding in report.findings
        for place in [place_of(report, finding)]
    ]
    content = {
        "schema": SCHEMA,
        "tool": "audit" if report.other is None else "compare",
        "verdict": report.verdict,
        "ok": report.ok,
        "incomplete": report.incomplete,
        "findings": findings,
        "checked": report.checked,
        "skipped": dict(report.skipped),
        "untold": dict(report.untold),
        "notes": report.notes,
        "loaders": [
            _loader(seen) for seen in (report.observation, report.other) if seen
        ],
    }
    return json.dumps(content, indent=2)


def _facts(facts: Facts) -> Mapping[str, Any]:
    """Return the facts but for the digest of a subset, which is not text."""
    found = asdict(facts)
    del found["subset"]
    return found


def _loader(seen: Observation) -> Mapping[str, Any]:
    facts, answers = seen.facts, seen.answers
    return {
        "facts": None if facts is None else _facts(facts),
        "batches": len(seen.fetches),
        "depends_on": None if answers is None else answers.depends_on,
        "ended": None if seen.ended is None else asdict(seen.ended),
    }


def places_as_json(places: Sequence[Place]) -> str:
    """Return an object with the number of the schema and the list of places."""
    found = [
        {
            "path": place.path,
            "cell": place.cell,
            "line": place.line,
            "column": place.column,
            "slug": place.slug,
            "severity": place.severity,
            "title": place.title,
            "why": place.why,
            "fix": place.fix,
            "url": place.url,
        }
        for place in places
    ]
    return json.dumps({"schema": SCHEMA, "tool": "lint", "found": found}, indent=2)
