"""The failure modes: one record each, to which everything else refers by its slug.

A record's page is ``gallery/<section>/plot_<slug with underscores>.py``. The page's
title and its lines "You see", "Because" and "Do" are the record's `title`, `symptom`,
`cause` and `fix`, word for word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from dejabatch.home import SITE

SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "1_sample": "The sample itself is the same",
        "2_randomness": "The randomness is the same",
        "3_order": "The order repeats",
        "4_streaming": "The stream repeats",
        "5_workers": "The workers keep what was",
        "6_ranks": "The ranks repeat each other",
        "7_resume": "The restarted run repeats what was",
    }
)
"""Folder of each gallery section, in the order of the site, and its title."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "number": "Does an epoch have samples several times, or too few, or none?",
        "batch": "Is something the same within one batch?",
        "values": "Are samples in a batch other than dataset[i]?",
        "workers": "Is it right with num_workers=0, and wrong with more?",
        "epochs": "Is a random augmentation the same in every epoch?",
        "order": "Is the order the same in every epoch, or sorted?",
        "runs": "Do two runs agree or differ where they should not?",
        "ranks": "Do two ranks have the same?",
        "loaders": "Do two loaders have something in common?",
        "effect": "Does a change that you made have no effect?",
    }
)
"""What can be seen from outside, as questions in the order in which to ask them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """One way in which a :class:`~torch.utils.data.DataLoader` repeats itself.

    Attributes
    ----------
    slug : str
        Name of the failure mode everywhere, for example ``rng-object-on-dataset``.
    title : str
        The symptom in the words of somebody who has it.
    section : str
        A key of `SECTIONS`.
    symptom : str
        What that person sees. Code stands between single backticks, here and below.
    seen : tuple of str
        The keys of `SIGNS` that it shows, the clearest first.
    words : tuple of str
        What else people call it or look for: names, old recipes, words of other
        libraries. The site's search and index know them.
    cause, fix : str
        One sentence each.
    detected_by : str or None
        The tool of this package that finds it in a user's own code: ``"audit"``,
        ``"compare"`` (of two loaders) or ``"lint"``.
    undetected_because : str or None
        Why no tool finds it; set exactly where `detected_by` is None.
    has_page : bool
        Whether its page is written. Until then its address is that of its record.
    since, until : str or None
        First release with the failure and first release without it, as in
        ``"torch 1.9"``; None where there is no such release.

    Raises
    ------
    ValueError
        If `section` or what is in `seen` is unknown, if `seen` is empty, or if not
        exactly one of `detected_by` and `undetected_because` is set.

    Examples
    --------
    >>> from dejabatch import FAILURE_MODES, SECTIONS, SIGNS
    >>> mode = FAILURE_MODES["exhausted-stream"]
    >>> mode.title
    'The second epoch of an IterableDataset is empty'
    >>> SECTIONS[mode.section]
    'The stream repeats'
    >>> SIGNS[mode.seen[0]]
    'Does an epoch have samples several times, or too few, or none?'
    """

    slug: str
    title: str
    section: str
    symptom: str
    seen: tuple[str, ...]
    words: tuple[str, ...]
    cause: str
    fix: str
    detected_by: Literal["audit", "compare", "lint"] | None = None
    undetected_because: str | None = None
    has_page: bool = True
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        """Refuse a record that other parts of the project could not use."""
        if self.section not in SECTIONS:
            known = ", ".join(SECTIONS)
            msg = f"{self.slug}: section {self.section!r} is not one of {known}"
            raise ValueError(msg)
        if not self.seen or not SIGNS.keys() >= set(self.seen):
            known = ", ".join(SIGNS)
            msg = f"{self.slug}: seen {self.seen!r} must be some of {known}"
            raise ValueError(msg)
        if (self.detected_by is None) == (self.undetected_because is None):
            msg = f"{self.slug}: set either detected_by or undetected_because"
            raise ValueError(msg)

    @property
    def page(self) -> str:
        """Path of the page's script below ``gallery/``."""
        return f"{self.section}/plot_{self.slug.replace('-', '_')}.py"

    @property
    def url(self) -> str:
        """Address of the page below `dejabatch.home.SITE`."""
        if not self.has_page:
            return f"{SITE}reference/failure-modes.html#{self.slug}"
        return f"{SITE}gallery/{self.page.removesuffix('.py')}.html"
