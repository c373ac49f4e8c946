"""Plain text, for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dejabatch.findings import wrapped

if TYPE_CHECKING:
    from dejabatch.lint.place import Place
    from dejabatch.report import Report

# Terminal codes for bold red, yellow, blue and bold.
_COLOURS = {"error": "1;31", "warning": "33", "note": "34", "dejabatch": "1"}

# A report has at most twelve lines besides its findings.
_MOST_LINES = 6
_MOST_SLUGS = 3


def report_as_text(report: Report) -> str:
    """Return the verdict, the findings, and what would change the verdict."""
    first = [f"dejabatch: {report.verdict}"]
    first += [wrapped("ranks: ", note) for note in report.notes]
    parts = ["\n".join(first), *map(str, report.findings)]
    return "\n\n".join([*parts, scope(report)])


def scope(report: Report) -> str:
    """Return what would change the verdict, and the number of checks."""
    told = [*_stopped(report), *_changed_files(report), *_untold(report)]
    count = f"{len(report.checked)} failure modes in {report.amount}"
    if others := len(report.skipped) - len(report.untold):
        count += f"; {others} do not apply or cannot be told (see .skipped)"
    return "\n".join([*told, wrapped("checked: ", count)])


def _stopped(report: Report) -> Iterator[str]:
    """Yield where the reading was at the time limit."""
    ended = report.observation.ended
    if ended is None or ended.reason != "out of time":
        return
    if report.incomplete is None:
        yield "stopped: at time_limit, after two epochs or more"
    if ended.waiting_at:
        yield wrapped("waiting: ", ended.waiting_at[-1])


def _changed_files(report: Report) -> Iterator[str]:
    """Yield the files that the audit could not restore."""
    changed = report.observation.changed_files
    if changed:
        more = f" and {len(changed) - 1} more files" if changed[1:] else ""
        text = f"{changed[0]}{more}, which the audit could not restore"
        yield wrapped("changed by samples: ", text)


def _untold(report: Report) -> list[str]:
    """Return what a user can do to be told more, grouped by reason."""
    slugs_by_reason: dict[str, list[str]] = {}
    for slug, reason in report.untold.items():
        slugs_by_reason.setdefault(reason, []).append(slug)
    groups = [
        wrapped("not told: ", f"{_some(slugs)}: {reason}")
        for reason, slugs in slugs_by_reason.items()
    ]
    most = next(
        (n for n in range(len(groups), 0, -1) if _lines(groups[:n]) <= _MOST_LINES), 0
    )
    if left := len(groups) - most:
        return [*groups[:most], f"not told: {left} more reasons (see .untold)"]
    return groups


def _lines(groups: Sequence[str]) -> int:
    return sum(group.count("\n") + 1 for group in groups)


def _some(slugs: Sequence[str]) -> str:
    """Return the first slugs and the number of the others."""
    named = ", ".join(slugs[:_MOST_SLUGS])
    left = len(slugs) - _MOST_SLUGS
    return f"{named} and {left} more" if left > 0 else named


def coloured(text: str) -> str:
    """Return a report's text with terminal colours for its severities."""
    return re.sub(
        rf"^({'|'.join(_COLOURS)})(?=: )",
        lambda word: f"\033[{_COLOURS[word[0]]}m{word[0]}\033[0m",
        text,
        flags=re.MULTILINE,
    )


def places_as_text(places: Sequence[Place]) -> str:
    """Return each place as ``path:line:column``, which editors turn into a link."""
    lines = []
    for place in places:
        lines.append(f"{place}: {place.severity}: {place.title} [{place.slug}]")
        lines += [f"    {text}" for text in (place.why, place.fix, place.url) if text]
    return "\n".join([*lines, _summary(places)])


def places_as_lines(places: Sequence[Place]) -> str:
    """Return each place as one line, which two runs can be compared by."""
    return "\n".join(
        f"{place}: {place.severity}: [{place.slug}] {place.why or place.title}"
        for place in places
    )


def _summary(places: Sequence[Place]) -> str:
    counts = [
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity in ("error", "warning", "note")
        if (number := sum(place.severity == severity for place in places))
    ]
    return ", ".join(counts) if counts else "nothing found"
