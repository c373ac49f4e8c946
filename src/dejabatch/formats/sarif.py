"""SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dejabatch.formats.places import place_of
from dejabatch.lint.place import TOOL_TITLES, Place
from dejabatch.lint.rules import RULES

if TYPE_CHECKING:
    from dejabatch.findings import Finding
    from dejabatch.report import Report


def places_as_sarif(places: Sequence[Place]) -> str:
    """Return a log of one run, with every rule and one result for each place."""
    return _log((*RULES, *TOOL_TITLES), [_place(place) for place in places])


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


def _place(place: Place) -> dict[str, Any]:
    text = f"{place.title}. {place.why}".strip()
    region = {"startLine": place.line, "startColumn": place.column}
    if place.cell is not None:
        text = f"Cell {place.cell}, line {place.line}: {text}"
        region = {}
    path = Path(place.path).as_posix()
    return _result(place.slug, place.severity, text, path, region)


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
    # This import would take a quarter of the start of `lint`.
    from importlib.metadata import version  # noqa: PLC0415

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
    place = Place(path="", line=1, column=1, slug=slug)
    return {
        "id": slug,
        "shortDescription": {"text": place.title},
        "help": {"text": place.fix},
        "helpUri": place.url,
    }


def _result(
    slug: str, level: str, text: str, file: str | None, region: dict[str, int]
) -> dict[str, Any]:
    result = {"ruleId": slug, "level": level, "message": {"text": text}}
    if file is None:
        return result
    location: dict[str, Any] = {"artifactLocation": {"uri": file}}
    if region:
        location["region"] = region
    return {**result, "locations": [{"physicalLocation": location}]}
