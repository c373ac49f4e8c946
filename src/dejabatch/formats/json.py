"""JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.lint import Place


def places_as_json(places: Sequence[Place]) -> str:
    """Return an object with the number of the schema and the list of places."""
    found = [
        {
            "path": place.path,
            "line": place.line,
            "column": place.column,
            "slug": place.slug,
            "title": FAILURE_MODES[place.slug].title,
            "fix": FAILURE_MODES[place.slug].fix,
            "url": FAILURE_MODES[place.slug].url,
        }
        for place in places
    ]
    return json.dumps({"schema": 1, "found": found}, indent=2)
