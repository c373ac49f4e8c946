"""The result of an audit: findings, what was checked, and what could not be checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from dejabatch import figures
from dejabatch.distributed.record import Ranks
from dejabatch.files import write_whole
from dejabatch.findings import SEVERITIES, Finding, FindingsError, Severity
from dejabatch.formats.html import report_as_html
from dejabatch.formats.json import report_as_json
from dejabatch.formats.sarif import report_as_sarif
from dejabatch.formats.text import coloured, report_as_text
from dejabatch.observe.record import Observation
from dejabatch.verdict import amount_read, why_incomplete

if TYPE_CHECKING:
    from os import PathLike

    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What `dejabatch.audit` found.

    Attributes
    ----------
    findings : tuple of Finding
        The most severe first.
    checked : tuple of str
        Slugs of the failure modes that would have been found.
    skipped : mapping of str to str
        Slugs of those that the observation does not show, each with the reason.
    untold : mapping of str to str
        The part of `skipped` whose reasons name what you can do to be told.
    observation : dejabatch.observe.record.Observation
        The observation.
    other : dejabatch.observe.record.Observation or None
        The observation of the second loader of `dejabatch.compare`.
    notes : tuple of str
        Sentences about the ranks of the program that were audited.
    incomplete_ranks : mapping of int to str, or None
        The ranks that were read in part, each with the reason; None if ranks were not
        compared.
    ranks : dejabatch.distributed.record.Ranks or None
        The records of all ranks, on rank 0 of a program with several.

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
    untold: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    incomplete_ranks: Mapping[int, str] | None = None
    ranks: Ranks | None = None

    @property
    def ok(self) -> bool:
        """Whether the audit is complete without errors and warnings; notes are allowed."""
        harmless = all(finding.severity == "note" for finding in self.findings)
        return harmless and self.incomplete is None

    @property
    def incomplete(self) -> str | None:
        """Why too little was observed for a verdict; None if enough was."""
        if self.incomplete_ranks is not None:
            texts = (
                f"rank {rank}: {text}" for rank, text in self.incomplete_ranks.items()
            )
            return next(texts, None)
        for seen in self._observations():
            # A finding explains an epoch without batches.
            if (reason := why_incomplete(seen)) and (
                seen.ended or seen.fetches or not self.findings
            ):
                return reason
        return None

    @property
    def verdict(self) -> str:
        """The first line of the report.

        The word "incomplete" and the reason, or how many findings of each severity there
        are, or "nothing found" and how much was read.
        """
        counts = ", ".join(
            f"{count} {severity}{'s' if count > 1 else ''}"
            for severity in reversed(SEVERITIES)
            if (count := sum(f.severity == severity for f in self.findings))
        )
        if self.incomplete is not None:
            found = f" ({counts})" if counts else ""
            return f"incomplete{found}: {self.incomplete}"
        return counts or f"nothing found in {self.amount}"

    @property
    def amount(self) -> str:
        """How much was read, such as ``2 epochs of 200 samples``."""
        return " and ".join(map(amount_read, self._observations()))

    def _observations(self) -> list[Observation]:
        return [seen for seen in (self.observation, self.other) if seen is not None]

    def raise_for_findings(self, level: Severity = "warning") -> None:
        """Raise if there is a finding of this severity, or if the audit is incomplete.

        Parameters
        ----------
        level : {"note", "warning", "error"}
            The lowest severity that raises. An incomplete audit always raises.

        Raises
        ------
        FindingsError
            An `AssertionError` whose text is this report.
        ValueError
            If `level` is not one of the three.

        Examples
        --------
        In a test of your own:

        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(16), batch_size=4, shuffle=True)
        >>> dejabatch.audit(loader).raise_for_findings()
        """
        if level not in SEVERITIES:
            msg = f"level must be one of {', '.join(SEVERITIES)}, not {level!r}"
            raise ValueError(msg)
        least = SEVERITIES.index(level)
        found = any(SEVERITIES.index(f.severity) >= least for f in self.findings)
        if found or self.incomplete is not None:
            raise FindingsError(str(self))

    def to_json(self) -> str:
        """Return the report as JSON text.

        Returns
        -------
        str
            An object that follows ``dejabatch/formats/schema.json``. ``loaders`` has one
            entry, or two after `dejabatch.compare`.

        Examples
        --------
        >>> import dejabatch, json
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
        >>> report = json.loads(dejabatch.audit(loader).to_json())
        >>> report["ok"], report["findings"][0]["slug"]
        (False, 'drop-last')
        """
        return report_as_json(self)

    def to_sarif(self) -> str:
        """Return the report as SARIF 2.1.0, for code scanning.

        Returns
        -------
        str
            A log of one run. Each finding has the file and the line of the class that
            owns its `where`, if that class is yours.

        Examples
        --------
        >>> import dejabatch, json
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(8), batch_size=16, drop_last=True)
        >>> (run,) = json.loads(dejabatch.audit(loader).to_sarif())["runs"]
        >>> [result["ruleId"] for result in run["results"]]
        ['drop-last']
        """
        return report_as_sarif(self)

    def _repr_html_(self) -> str:
        """Return the report as a piece of HTML, which notebooks show."""
        return report_as_html(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the batches over time, by worker and epoch.

        The same colour stands for the same samples or, if the first finding is about a
        random generator, for the states of that generator. Needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            `ax`, or the axes of the new figure.

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
        generator = figures.generator_of(self)
        figures.timeline(self.observation, ax, generator=generator)
        return ax

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report as a web page in one file.

        Parameters
        ----------
        path : str or os.PathLike
            Path of the file; an existing file is replaced.

        Raises
        ------
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(16), batch_size=4, shuffle=True)
        >>> dejabatch.audit(loader).to_html("report.html")
        """
        head = '<meta charset="utf-8"><title>dejabatch report</title>'
        head += '<meta name="color-scheme" content="light dark">'
        page = f'<!doctype html><html lang="en"><head>{head}</head>'
        page += f"<body><main>{self._repr_html_()}</main></body></html>\n"
        write_whole(path, page)

    def __repr__(self) -> str:
        """Return the verdict in one line."""
        return f"<dejabatch.Report: {self.verdict}>"

    def __str__(self) -> str:
        """Return the report as text: verdict, findings, and what would tell more."""
        return report_as_text(self)

    def print(self, file: TextIO | None = None) -> None:
        """Print the report, in colour on a terminal.

        Parameters
        ----------
        file : typing.TextIO, optional
            Where to print; by default the standard output. The text is coloured only on
            a terminal, and only without ``NO_COLOR`` (https://no-color.org) in the
            environment.

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
            text = coloured(text)
        file.write(f"{text}\n")
