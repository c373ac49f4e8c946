"""What an audit has to say: findings, what was checked, and what could not be."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, get_args

from dejabatch import figures
from dejabatch.catalogue import FAILURE_MODES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from matplotlib.axes import Axes

    from dejabatch.observe.record import Observation

Severity = Literal["note", "warning", "error"]
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_WIDTH = 79
# Bold red, yellow, blue and bold, of any terminal.
_COLOURS = {"error": "1;31", "warning": "33", "note": "34", "dejabatch": "1"}


class CannotTell(Exception):
    """An observation does not show whether a failure mode is there; says why not."""


class FindingsError(AssertionError):
    """A report has findings; its text is the report.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
    >>> try:
    ...     dejabatch.audit(loader).raise_for_findings()
    ... except dejabatch.FindingsError as error:
    ...     print(str(error).splitlines()[0])
    dejabatch: 1 error
    """


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
        ``"error"`` where something is certainly wrong, ``"warning"`` where it is unless
        you mean it so, ``"note"`` where it does no harm yet.
    where : str
        The object that causes it, as an attribute path that begins at the loader's own
        attributes, such as ``dataset.transform.rng``.
    evidence : str
        What was seen, in numbers.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
    >>> (finding,) = dejabatch.audit(loader).findings
    >>> finding.slug, finding.severity, finding.where
    ('drop-last', 'error', 'drop_last')
    >>> finding.fix
    'Keep the last batch: pass `drop_last=False`.'
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
    other : dejabatch.observe.record.Observation or None
        What was seen of the second loader of `dejabatch.compare`.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
    >>> report = dejabatch.audit(loader)
    >>> report.ok
    False
    >>> [finding.slug for finding in report.findings]
    ['drop-last']
    >>> report.skipped["exhausted-stream"]
    'the dataset is not iterable'
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    observation: Observation
    other: Observation | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error and no warning. A note is no fault."""
        return all(finding.severity == "note" for finding in self.findings)

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

        Examples
        --------
        In a test of your own:

        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(16), batch_size=4, shuffle=True)
        >>> dejabatch.audit(loader).raise_for_findings()
        """
        if level not in _SEVERITIES:
            msg = f"level must be one of {', '.join(_SEVERITIES)}, not {level!r}"
            raise ValueError(msg)
        least = _SEVERITIES.index(level)
        if any(_SEVERITIES.index(f.severity) >= least for f in self.findings):
            raise FindingsError(str(self))

    def to_json(self) -> str:
        """Return the report as JSON text.

        Returns
        -------
        str
            An object whose ``version`` counts changes of its schema.

        Examples
        --------
        >>> import dejabatch, json
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
        >>> report = json.loads(dejabatch.audit(loader).to_json())
        >>> report["ok"], report["findings"][0]["slug"]
        (False, 'drop-last')
        """
        findings = [
            {**asdict(f), "title": f.title, "fix": f.fix, "url": f.url}
            for f in self.findings
        ]
        facts, answers = self.observation.facts, self.observation.answers
        content = {
            "version": 1,
            "ok": self.ok,
            "findings": findings,
            "checked": self.checked,
            "skipped": dict(self.skipped),
            "loader": None if facts is None else asdict(facts),
            "batches": len(self.observation.fetches),
            "depends_on": None if answers is None else answers.depends_on,
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
        parts.append(self._picture())
        parts.append(f"<pre>{escape(self._scope())}</pre>")
        return f"<section>{''.join(parts)}</section>"

    def _picture(self) -> str:
        """Return the picture as HTML; nothing without matplotlib or batches."""
        if not self.observation.fetches:
            return ""
        try:
            address = figures.as_png(self.observation, generator=self._generator())
        except ImportError:
            return ""
        text = (
            "The batches of each worker over time; the same colour is the same content."
        )
        return f'<p><img src="{address}" alt="{text}" style="max-width:100%"></p>'

    def _generator(self) -> str | None:
        """Return the random generator that the worst finding is about."""
        for finding in self.findings[:1]:
            return figures.repeated_generator(self.observation, finding.where)
        return None

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the batches over time, by worker and epoch.

        The same colour stands for the same samples or, if the first finding is about a
        random generator, for its states. Needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        ValueError
            If no batch was read.

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(16), batch_size=4, shuffle=True)
        >>> ax = dejabatch.audit(loader).plot()
        >>> ax.figure.savefig("report.png")
        """
        if not self.observation.fetches:
            msg = "plot: no batch was read"
            raise ValueError(msg)
        ax = figures.new_axes() if ax is None else ax
        figures.timeline(self.observation, ax, generator=self._generator())
        return ax

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report as a web page that needs nothing else.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; a file that is there is replaced.

        Raises
        ------
        OSError
            If it cannot be written.

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(16), batch_size=4, shuffle=True)
        >>> dejabatch.audit(loader).to_html("report.html")
        """
        head = '<meta charset="utf-8"><title>dejabatch report</title>'
        page = f'<!doctype html><html lang="en"><head>{head}</head>'
        page += f"<body><main>{self._repr_html_()}</main></body></html>\n"
        Path(path).write_text(page, encoding="utf-8")

    def __str__(self) -> str:
        """Return the report as text: verdict, findings, and what was looked for."""
        parts = [self._verdict(), *map(str, self.findings), self._scope()]
        return "\n\n".join(parts)

    def print(self, file: TextIO | None = None) -> None:
        """Print the report, in colour on a terminal.

        Parameters
        ----------
        file : typing.TextIO, optional
            Where to; by default the standard output. It gets no colour if it is no
            terminal, or if the environment has ``NO_COLOR`` (https://no-color.org).

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
        >>> dejabatch.audit(loader).print()  # doctest: +ELLIPSIS
        dejabatch: 1 error
        ...
        """
        file = sys.stdout if file is None else file
        text = str(self)
        if file.isatty() and not os.environ.get("NO_COLOR"):
            text = re.sub(
                rf"^({'|'.join(_COLOURS)})(?=: )",
                lambda word: f"\033[{_COLOURS[word[0]]}m{word[0]}\033[0m",
                text,
                flags=re.MULTILINE,
            )
        file.write(f"{text}\n")

    def _verdict(self) -> str:
        if self.ok:
            return "dejabatch: nothing found"
        counts = [
            f"{n} {severity}{'s' if n > 1 else ''}"
            for severity in reversed(_SEVERITIES)
            if (n := sum(f.severity == severity for f in self.findings))
        ]
        return f"dejabatch: {', '.join(counts)}"

    def _asked_again(self) -> list[str]:
        answers = self.observation.answers
        if answers is None or not answers.reproducible:
            return []
        if answers.changes_by_itself:
            text = "changes, with its random generators put back"
        elif answers.depends_on:
            text = f"changes with {', '.join(answers.depends_on)}"
        else:
            text = "the same, whatever the random generators"
        return [_wrapped(f"index {answers.index} made again: ", text)]

    def _scope(self) -> str:
        seen = self.observation
        lines = []
        for one in filter(None, (seen, self.other)):
            epochs = {f.epoch for f in one.fetches} | {e.epoch for e in one.ends}
            samples = sum(len(fetch.digests) for fetch in one.fetches)
            plural = "" if len(epochs) == 1 else "s"
            lines.append(f"read: {samples} samples in {len(epochs)} epoch{plural}")
        if seen.facts is not None and not seen.facts.data_loader:
            text = f"{seen.facts.dataset} is no DataLoader: its batches are all that was seen"
            lines.append(_wrapped("note: ", text))
        if seen.out_of_time:
            lines.append("stopped: at the time limit")
        if seen.error is not None:
            lines.append(f"stopped: {seen.error.strip().splitlines()[-1]}")
        lines += self._asked_again()
        # By name they would be the longest part of every report.
        lines.append(f"checked: {len(self.checked)} failure modes (see .checked)")
        slugs_by_reason: dict[str, list[str]] = {}
        for slug, why in self.skipped.items():
            slugs_by_reason.setdefault(why, []).append(slug)
        for why, slugs in slugs_by_reason.items():
            lines.append(_wrapped("not checked: ", f"{', '.join(slugs)} ({why})"))
        return "\n".join(lines)
