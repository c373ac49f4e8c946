"""SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.formats.places import place_of
from dejabatch.lint import RULES, Place

if TYPE_CHECKING:
    from dejabatch.findings import Finding
    from dejabatch.report import Report


def places_as_sarif(places: Sequence[Place]) -> str:
    """Return a log of one run, with every rule and one result for each place."""
    results = [
        _result(
            place.slug,
            "warning",
            FAILURE_MODES[place.slug].title,
            Path(place.path).as_posix(),
            {"startLine": place.line, "startColumn": place.column},
        )
        for place in places
    ]
    return _log(RULES, results)


def report_as_sarif(report: Report) -> str:
    """Return a log of one run, with a result for each finding.

    The run of an incomplete audit was not successful, and says why.
    """
    results = [_finding(report, finding) for finding in report.findings]
    invocation: dict[str, Any] = {"executionSuccessful": report.incomplete is None}
    if report.incomplete is not None:
        message = {"level": "error", "message": {"text": report.verdict}}
        invocation["toolExecutionNotifications"] = [message]
    slugs = {finding.slug for finding in report.findings}
    rules = {*slugs, *report.checked, *report.skipped}
    return _log(sorted(rules), results, invocations=[invocation])


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    place = place_of(report, finding)
    return _result(
        finding.slug,
        finding.severity,
        f"{finding.title}. {finding.where}: {finding.evidence}",
        None if place is None else _uri(place.file),
        {} if place is None else {"startLine": place.line},
    )


def _uri(file: str) -> str:
    return Path(file).as_uri() if Path(file).is_absolute() else file


def _log(rules: Iterable[str], results: Sequence[dict[str, Any]], **run: Any) -> str:
    driver = {
        "name": "dejabatch",
        "version": version("dejabatch"),
        "rules": [_rule(slug) for slug in rules],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results, **run}],
    }
    return json.dumps(log, indent=2)


def _rule(slug: str) -> dict[str, Any]:
    mode = FAILURE_MODES[slug]
    return {
        "id": slug,
        "shortDescription": {"text": mode.title},
        "help": {"text": mode.fix},
        "helpUri": mode.url,
    }


def _result(
    slug: str, level: str, text: str, file: str | None, region: dict[str, int]
) -> dict[str, Any]:
    result = {"ruleId": slug, "level": level, "message": {"text": text}}
    if file is None:
        return result
    location = {"artifactLocation": {"uri": file}, "region": region}
    return {**result, "locations": [{"physicalLocation": location}]}
