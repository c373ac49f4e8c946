"""The record of a failure mode, and the sections and questions that group records.

The page of a record is ``gallery/<section>/plot_<slug with underscores>.py``. The page's
title and its lines "You see", "Because" and "Do" are the record's `title`, `symptom`,
`cause` and `fix`, word for word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dejabatch.home import SITE

SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "1_sample": "The dataset returns the same sample",
        "2_randomness": "Random numbers repeat",
        "3_order": "The order repeats",
        "4_streaming": "The stream repeats",
        "5_workers": "Workers keep stale copies",
        "6_ranks": "Ranks repeat each other",
        "7_resume": "A resumed run repeats data",
    }
)
"""Title of each gallery section by folder, in the order of the site."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "number": "Are samples repeated or missing in an epoch?",
        "batch": "Does one batch repeat a sample or an augmentation?",
        "values": "Does the loader return something different from dataset[i]?",
        "workers": "Is the data right with num_workers=0 and wrong with workers?",
        "epochs": "Is a random augmentation the same in every epoch?",
        "order": "Is the order sorted, or the same in every epoch?",
        "runs": "Do runs match when they should not, or differ when they should match?",
        "ranks": "Do two GPUs get the same data or the same augmentation?",
        "loaders": "Do two loaders share samples, transforms or random numbers?",
        "effect": "Does a transform, a setting or a change have no effect?",
    }
)
"""Questions about visible symptoms, in the order in which to ask them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """One way in which a :class:`~torch.utils.data.DataLoader` repeats itself.

    Attributes
    ----------
    slug : str
        Unique name, for example ``rng-object-on-dataset``.
    title : str
        The symptom, as a user types it into a search box.
    section : str
        A key of `SECTIONS`.
    symptom : str
        The observable effect. Code stands between single backticks, here and below.
    seen : tuple of str
        The keys of `SIGNS` that the failure shows, the clearest first.
    words : tuple of str
        Other search words: names, old recipes, terms of other libraries. The site's
        search and index contain these words.
    cause, fix : str
        One sentence each.
    undetected_because : str or None
        Why no tool of this package finds the failure mode in a user's own code; None if
        one does (`dejabatch.finders.found_by`).
    has_page : bool
        Whether the page is written. Until then `url` points to the list of records.
    since, until : str or None
        First release with the failure and first release without it, as in
        ``"torch 1.9"``; None where there is no such release.

    Raises
    ------
    ValueError
        If `section` or a key in `seen` is unknown, or if `seen` is empty.

    Examples
    --------
    >>> from dejabatch.catalogue import FAILURE_MODES, SECTIONS, SIGNS
    >>> mode = FAILURE_MODES["exhausted-stream"]
    >>> mode.title
    'The second epoch of an IterableDataset is empty'
    >>> SECTIONS[mode.section]
    'The stream repeats'
    >>> SIGNS[mode.seen[0]]
    'Are samples repeated or missing in an epoch?'
    """

    slug: str
    title: str
    section: str
    symptom: str
    seen: tuple[str, ...]
    words: tuple[str, ...]
    cause: str
    fix: str
    undetected_because: str | None = None
    has_page: bool = True
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        """Validate the section, the signs and the detection."""
        if self.section not in SECTIONS:
            known = ", ".join(SECTIONS)
            msg = f"{self.slug}: section {self.section!r} is not one of {known}"
            raise ValueError(msg)
        if not self.seen or not SIGNS.keys() >= set(self.seen):
            known = ", ".join(SIGNS)
            msg = f"{self.slug}: seen {self.seen!r} must be some of {known}"
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
