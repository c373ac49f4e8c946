"""SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dejabatch.lint.place import TOOL_TITLES, Place
from dejabatch.lint.rules import RULES


def places_as_sarif(places: Sequence[Place]) -> str:
    """Return a log of one run, with every rule and one result for each place."""
    # This import would take a quarter of the start of `lint`.
    from importlib.metadata import version  # noqa: PLC0415

    driver = {
        "name": "dejabatch",
        "version": version("dejabatch"),
        "rules": [_rule(slug) for slug in (*RULES, *TOOL_TITLES)],
    }
    results = [_result(place) for place in places]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
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


def _result(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {
        "artifactLocation": {"uri": Path(place.path).as_posix()}
    }
    text = f"{place.title}. {place.why}".strip()
    if place.cell is None:
        region = {"startLine": place.line, "startColumn": place.column}
        location["region"] = region
    else:
        text = f"Cell {place.cell}, line {place.line}: {text}"
    return {
        "ruleId": place.slug,
        "level": place.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
