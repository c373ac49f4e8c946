"""Plain text, for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dejabatch.findings import wrapped

if TYPE_CHECKING:
    from dejabatch.lint.place import Place
    from dejabatch.observe.record import Answers, Observation
    from dejabatch.report import Report

# Terminal codes for bold red, yellow, blue and bold.
_COLOURS = {"error": "1;31", "warning": "33", "note": "34", "dejabatch": "1"}


def report_as_text(report: Report) -> str:
    """Return the verdict, the findings, and what was checked."""
    parts = [f"dejabatch: {report.verdict}", *map(str, report.findings)]
    return "\n\n".join([*parts, scope(report)])


def scope(report: Report) -> str:
    """Return what was read, what was checked, and what could not be checked."""
    lines = [_amount_read(seen) for seen in (report.observation, report.other) if seen]
    lines += _notes(report.observation)
    # The names of all checks would be the longest part of every report.
    lines.append(f"checked: {len(report.checked)} failure modes (see .checked)")
    slugs_by_reason: dict[str, list[str]] = {}
    for slug, reason in report.skipped.items():
        slugs_by_reason.setdefault(reason, []).append(slug)
    lines += [
        wrapped("not checked: ", f"{', '.join(slugs)} ({reason})")
        for reason, slugs in slugs_by_reason.items()
    ]
    return "\n".join(lines)


def _amount_read(seen: Observation) -> str:
    epochs = {f.epoch for f in seen.fetches} | {end.epoch for end in seen.ends}
    samples = sum(len(fetch.digests) for fetch in seen.fetches)
    plural = "" if len(epochs) == 1 else "s"
    return f"read: {samples} samples in {len(epochs)} epoch{plural}"


def _notes(seen: Observation) -> Iterator[str]:
    facts, answers = seen.facts, seen.answers
    if facts is not None and not facts.data_loader:
        text = f"{facts.dataset} is not a DataLoader: only its batches were observed"
        yield wrapped("note: ", text)
    if seen.out_of_time:
        yield "stopped: at the time limit"
    if seen.error is not None:
        yield f"stopped: {seen.error.strip().splitlines()[-1]}"
    if answers is not None and answers.reproducible:
        yield wrapped(f"index {answers.index} made again: ", _made_again(answers))


def _made_again(answers: Answers) -> str:
    if answers.changes_by_itself:
        return "changes, with its random generators restored"
    if answers.depends_on:
        return f"changes with {', '.join(answers.depends_on)}"
    return "the same, whatever the random generators"


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
