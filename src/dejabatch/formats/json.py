"""JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dejabatch.lint.place import Place
    from dejabatch.observe.record import Observation
    from dejabatch.report import Report

SCHEMA: Final = 1
"""Number of the format of all JSON that this package writes."""


def report_as_json(report: Report) -> str:
    """Return an object with the findings, what was checked, and each loader's facts."""
    findings = [
        {**asdict(f), "title": f.title, "fix": f.fix, "url": f.url}
        for f in report.findings
    ]
    content = {
        "schema": SCHEMA,
        "ok": report.ok,
        "findings": findings,
        "checked": report.checked,
        "skipped": dict(report.skipped),
        "loaders": [
            _loader(seen) for seen in (report.observation, report.other) if seen
        ],
    }
    return json.dumps(content, indent=2)


def _loader(seen: Observation) -> Mapping[str, Any]:
    facts, answers = seen.facts, seen.answers
    return {
        "facts": None if facts is None else asdict(facts),
        "batches": len(seen.fetches),
        "depends_on": None if answers is None else answers.depends_on,
        "error": seen.error,
        "out_of_time": seen.out_of_time,
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
    return json.dumps({"schema": SCHEMA, "found": found}, indent=2)
