"""A place in the source that has a failure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.home import SITE
from dejabatch.lint.run import Severity

TOOL_TITLES: Final = MappingProxyType(
    {
        "unreadable-file": "The file cannot be read",
        "unused-ignore": "The comment ignores nothing",
    }
)
"""The titles of findings about a file instead of a loader, by slug."""

_TOOL_FIXES: Final = MappingProxyType(
    {
        "unreadable-file": "Repair the file, or leave it out with `exclude`.",
        "unused-ignore": "Delete the comment, or correct its name.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in the source that has a failure.

    Attributes
    ----------
    path : str
        The file.
    line, column : int
        The position of the failure, counted from 1: in the file, or in the cell of a
        notebook.
    slug : str
        The failure mode's name; ``unreadable-file`` and ``unused-ignore`` are about
        the file itself.
    severity : {"note", "warning", "error"}
        As in `dejabatch.Finding`.
    why : str
        The reason, with the names and values that were followed.
    variant_fix : str or None
        The repair of this variant; None for the failure mode's own.
    cell : int or None
        The number of the notebook's cell among all its cells, counted from 1.

    Examples
    --------
    >>> from dejabatch.lint import lint_source
    >>> source = '''
    ... import itertools
    ... batches = itertools.cycle(DataLoader(dataset))
    ... '''
    >>> (place,) = lint_source(source, "train.py")
    >>> print(place)
    train.py:3:11
    >>> place.slug, place.severity
    ('itertools-cycle', 'error')
    """

    path: str
    line: int
    column: int
    slug: str
    severity: Severity = "warning"
    why: str = ""
    variant_fix: str | None = None
    cell: int | None = None

    @property
    def title(self) -> str:
        """The symptom, in the words of a user who has it."""
        return TOOL_TITLES.get(self.slug) or FAILURE_MODES[self.slug].title

    @property
    def fix(self) -> str:
        """The repair, in a sentence."""
        own = self.variant_fix or _TOOL_FIXES.get(self.slug)
        return own or FAILURE_MODES[self.slug].fix

    @property
    def url(self) -> str:
        """Address of the page that explains the failure mode."""
        if self.slug in TOOL_TITLES:
            return f"{SITE}reference/command-line.html#{self.slug}"
        return FAILURE_MODES[self.slug].url

    @property
    def key(self) -> tuple[str, int, int, int, str]:
        """Return the sort key of a place, by file, cell, line, column and slug."""
        return self.path, self.cell or 0, self.line, self.column, self.slug

    def __str__(self) -> str:
        """Return the place as editors read it: ``path:line:column``."""
        cell = "" if self.cell is None else f"cell {self.cell}:"
        return f"{self.path}:{cell}{self.line}:{self.column}"
