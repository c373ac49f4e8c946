"""What an audit has to say: findings, what was checked, and what could not be."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from dejabatch.catalogue import FAILURE_MODES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from dejabatch.observe.record import Observation

Severity = Literal["note", "warning", "error"]
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_WIDTH = 79


class CannotTell(Exception):
    """An observation does not show whether a failure mode is there; says why not."""


class FindingsError(AssertionError):
    """A report has findings; its text is the report."""


def _wrapped(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One failure mode in one loader.

    Attributes
    ----------
    slug : str
        Which failure mode, a key of `dejabatch.FAILURE_MODES`.
    severity : {"note", "warning", "error"}
        ``"error"`` where the loader certainly repeats itself.
    where : str
        The object that causes it, as an attribute path that begins at the loader's own
        attributes, such as ``dataset.transform.rng``.
    evidence : str
        What was seen, in numbers.
    """

    slug: str
    severity: Severity
    where: str
    evidence: str

    @property
    def title(self) -> str:
        """The symptom in the words of somebody who has it."""
        return FAILURE_MODES[self.slug].title

    @property
    def fix(self) -> str:
        """What to do, in a sentence."""
        return FAILURE_MODES[self.slug].fix

    @property
    def url(self) -> str:
        """Address of the page that explains it."""
        return FAILURE_MODES[self.slug].url

    def __str__(self) -> str:
        """Return the finding as a few lines of text."""
        lines = [f"{self.severity}: {self.title}"]
        for name in ("where", "evidence", "fix"):
            lines.append(_wrapped(f"  {name + ':':10}", getattr(self, name)))
        return "\n".join([*lines, f"  {self.url}"])


@dataclass(frozen=True, slots=True)
class Report:
    """What `dejabatch.audit` found.

    Attributes
    ----------
    findings : tuple of Finding
        The worst first.
    checked : tuple of str
        Slugs of the failure modes that would have been found.
    skipped : mapping of str
        Slugs of those that could not be looked for, each with the reason.
    observation : dejabatch.observe.record.Observation
        What was seen.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    observation: Observation

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def raise_for_findings(self, level: Severity = "warning") -> None:
        """Raise if there is a finding of at least a severity.

        Parameters
        ----------
        level : {"note", "warning", "error"}
            The least severity that raises.

        Raises
        ------
        FindingsError
            An `AssertionError` whose text is this report.
        ValueError
            If `level` is none of the three.
        """
        if level not in _SEVERITIES:
            msg = f"level must be one of {', '.join(_SEVERITIES)}, not {level!r}"
            raise ValueError(msg)
        least = _SEVERITIES.index(level)
        if any(_SEVERITIES.index(f.severity) >= least for f in self.findings):
            raise FindingsError(str(self))

    def to_json(self) -> str:
        """Return the report as JSON text; ``version`` counts changes of its schema."""
        findings = [
            {**asdict(f), "title": f.title, "fix": f.fix, "url": f.url}
            for f in self.findings
        ]
        facts = self.observation.facts
        content = {
            "version": 1,
            "ok": self.ok,
            "findings": findings,
            "checked": self.checked,
            "skipped": dict(self.skipped),
            "loader": None if facts is None else asdict(facts),
            "batches": len(self.observation.fetches),
            "error": self.observation.error,
            "out_of_time": self.observation.out_of_time,
        }
        return json.dumps(content, indent=2)

    def _repr_html_(self) -> str:
        """Return the report as a piece of HTML, which notebooks show."""
        parts = [f"<p><strong>{escape(self._verdict())}</strong></p>"]
        for finding in self.findings:
            link = f'<a href="{escape(finding.url)}">{escape(finding.title)}</a>'
            rows = {
                "where": f"<code>{escape(finding.where)}</code>",
                "evidence": escape(finding.evidence),
                "fix": escape(finding.fix),
            }
            terms = "".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in rows.items())
            parts.append(f"<p>{finding.severity}: {link}</p><dl>{terms}</dl>")
        parts.append(f"<pre>{escape(self._scope())}</pre>")
        return f"<section>{''.join(parts)}</section>"

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report as a web page that needs nothing else.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; a file that is there is replaced.
        """
        head = '<meta charset="utf-8"><title>dejabatch report</title>'
        page = f'<!doctype html><html lang="en"><head>{head}</head>'
        page += f"<body><main>{self._repr_html_()}</main></body></html>\n"
        Path(path).write_text(page, encoding="utf-8")

    def __str__(self) -> str:
        """Return the report as text: verdict, findings, and what was looked for."""
        parts = [self._verdict(), *map(str, self.findings), self._scope()]
        return "\n\n".join(parts)

    def _verdict(self) -> str:
        if self.ok:
            return "dejabatch: nothing found"
        counts = [
            f"{n} {severity}{'s' if n > 1 else ''}"
            for severity in reversed(_SEVERITIES)
            if (n := sum(f.severity == severity for f in self.findings))
        ]
        return f"dejabatch: {', '.join(counts)}"

    def _scope(self) -> str:
        seen = self.observation
        epochs = {fetch.epoch for fetch in seen.fetches}
        samples = sum(len(fetch.digests) for fetch in seen.fetches)
        lines = [f"read: {samples} samples in {len(epochs)} epochs"]
        if seen.out_of_time:
            lines.append("stopped: at the time limit")
        if seen.error is not None:
            lines.append(f"stopped: {seen.error.strip().splitlines()[-1]}")
        lines.append(_wrapped("checked: ", ", ".join(self.checked) or "nothing"))
        for slug, why in self.skipped.items():
            lines.append(_wrapped("not checked: ", f"{slug}, {why}"))
        return "\n".join(lines)
