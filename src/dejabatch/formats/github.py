"""GitHub's workflow commands, which annotate the lines of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Sequence

from dejabatch.lint.place import Place


def places_as_github(places: Sequence[Place]) -> str:
    """Return one command for each place."""
    return "\n".join(_command(place) for place in places)


def _command(place: Place) -> str:
    kind = {"note": "notice"}.get(place.severity, place.severity)
    position = (
        f"line={place.line},col={place.column}"
        if place.cell is None
        # GitHub counts the lines of the notebook's JSON, which a cell does not tell.
        else "line=1"
    )
    where = "" if place.cell is None else f"Cell {place.cell}, line {place.line}: "
    text = " ".join(filter(None, [f"{where}{place.why}", place.fix, place.url]))
    return (
        f"::{kind} file={_property(place.path)},{position},"
        f"title={_property(place.title)}::{_escaped(text)}"
    )


def _property(text: str) -> str:
    """Escape a property, which ends at a colon or a comma."""
    return _escaped(text, ":,")


def _escaped(text: str, separators: str = "") -> str:
    for character in "%\r\n" + separators:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
