"""Results of checks: a diagnosis, a finding, or the reason why a check cannot tell."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

from dejabatch.catalogue import FAILURE_MODES

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The severities, the mildest first."""

_WIDTH = 79


class CannotTell(Exception):
    """The observation does not show whether a failure mode is present; says why.

    Parameters
    ----------
    reason : str
        The missing fact.
    remedy : str
        The step of the user that lets the check tell; empty if no step would.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason, remedy)

    @property
    def remedy(self) -> str:
        """The step of the user that lets the check tell; empty if no step would."""
        return str(self.args[1])

    def __str__(self) -> str:
        """Return the reason and the remedy."""
        return "; ".join(filter(None, self.args))


def cannot_tell(reason: str, remedy: str = "") -> NoReturn:
    """Give up a check.

    Parameters
    ----------
    reason, remedy : str
        As for `CannotTell`.

    Raises
    ------
    CannotTell
        Always.
    """
    raise CannotTell(reason, remedy)


class FindingsError(AssertionError):
    """A report has findings; the text of the error is the report.

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


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of a check, before the failure mode's name is added.

    Attributes
    ----------
    severity, where, evidence : str
        As in `Finding`.
    title, fix : str or None
        Words that fit this variant of the failure mode better than those of the catalogue.
    """

    severity: Severity
    where: str
    evidence: str
    title: str | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One failure mode in one loader.

    Attributes
    ----------
    slug : str
        Which failure mode, a key of `dejabatch.FAILURE_MODES`.
    severity : {"note", "warning", "error"}
        ``"error"`` where something is certainly wrong, ``"warning"`` where something is
        wrong unless you mean it so, ``"note"`` where it does no harm yet.
    where : str
        The object that causes the failure, as an attribute path that begins at the
        loader's own attributes, such as ``dataset.transform.rng``.
    evidence : str
        The measurement, in numbers. More lines follow where an exception has a traceback.
    special_title, special_fix : str or None
        Words that fit this variant of the failure mode; None where the words of the
        catalogue fit.

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
    special_title: str | None = None
    special_fix: str | None = None

    @property
    def title(self) -> str:
        """The symptom, in the words of a user who has it."""
        return self.special_title or FAILURE_MODES[self.slug].title

    @property
    def fix(self) -> str:
        """The repair, in a sentence."""
        return self.special_fix or FAILURE_MODES[self.slug].fix

    @property
    def url(self) -> str:
        """Address of the page that explains the failure mode."""
        return FAILURE_MODES[self.slug].url

    def __str__(self) -> str:
        """Return the finding as a few lines of text."""
        lines = [f"{self.severity}: {self.title}"]
        for name in ("where", "evidence", "fix"):
            label = f"  {name + ':':10}"
            for line in getattr(self, name).splitlines():
                lines.append(wrapped(label, line))
                label = " " * len(label)
        return "\n".join([*lines, f"  {self.url}"])


def wrapped(label: str, text: str) -> str:
    """Return a label and a text, wrapped below the label to the width of a terminal."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
