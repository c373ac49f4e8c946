"""GitHub's workflow commands, which annotate the lines of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Sequence

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.lint import Place


def places_as_github(places: Sequence[Place]) -> str:
    """Return one command for each place."""
    return "\n".join(_command(place) for place in places)


def _command(place: Place) -> str:
    mode = FAILURE_MODES[place.slug]
    return (
        f"::warning file={_property(place.path)},line={place.line},"
        f"col={place.column},title={_property(mode.title)}::"
        f"{_escaped(f'{mode.fix} {mode.url}')}"
    )


def _property(text: str) -> str:
    """Escape a property, which ends at a colon or a comma."""
    return _escaped(text, ":,")


def _escaped(text: str, separators: str = "") -> str:
    for character in "%\r\n" + separators:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
