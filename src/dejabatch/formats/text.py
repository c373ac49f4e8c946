"""Plain text, for people."""

from __future__ import annotations

from collections.abc import Sequence

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.lint import Place


def places_as_text(places: Sequence[Place]) -> str:
    """Return each place as ``path:line:column``, which editors turn into a link."""
    lines = []
    for place in places:
        mode = FAILURE_MODES[place.slug]
        where = f"{place.path}:{place.line}:{place.column}"
        lines += [f"{where}: {mode.title} [{place.slug}]", f"    {mode.fix}"]
        lines += [f"    {mode.url}"]
    return "\n".join([*lines, f"{len(places)} found" if places else "nothing found"])
