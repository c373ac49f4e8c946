"""SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.lint import RULES, Place


def places_as_sarif(places: Sequence[Place]) -> str:
    """Return a log of one run, with every rule and one result for each place."""
    driver = {
        "name": "dejabatch",
        "version": version("dejabatch"),
        "rules": [_rule(slug) for slug in RULES],
    }
    results = [_result(place) for place in places]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
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


def _result(place: Place) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": Path(place.path).as_posix()},
        "region": {"startLine": place.line, "startColumn": place.column},
    }
    return {
        "ruleId": place.slug,
        "level": "warning",
        "message": {"text": FAILURE_MODES[place.slug].title},
        "locations": [{"physicalLocation": location}],
    }
