"""The failure modes: one record each, to which everything else refers by its slug.

A record's page is ``gallery/<section>/plot_<slug with underscores>.py``. The page's
title and its lines "You see", "Because" and "Do" are the record's `title`, `symptom`,
`cause` and `fix`, word for word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SITE = "https://dejabatch.github.io/dejabatch/"
"""Where the site is published."""

SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "1_sample": "The sample itself is the same",
        "2_randomness": "The randomness is the same",
    }
)
"""Folder of each gallery section, in the order of the site, and its title."""


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
    cause, fix : str
        One sentence each.
    detected_by : str or None
        The tool of this package that finds it in a user's own code: ``"audit"`` or
        ``"lint"``.
    undetected_because : str or None
        Why no tool finds it; set exactly where `detected_by` is None.
    since, until : str or None
        First release with the failure and first release without it, as in
        ``"torch 1.9"``; None where there is no such release.

    Raises
    ------
    ValueError
        If `section` is unknown, or if not exactly one of `detected_by` and
        `undetected_because` is set.
    """

    slug: str
    title: str
    section: str
    symptom: str
    cause: str
    fix: str
    detected_by: Literal["audit", "lint"] | None = None
    undetected_because: str | None = None
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        """Refuse a record that other parts of the project could not use."""
        if self.section not in SECTIONS:
            known = ", ".join(SECTIONS)
            msg = f"{self.slug}: section {self.section!r} is not one of {known}"
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
        """Address of the page on the published site."""
        return f"{SITE}gallery/{self.page.removesuffix('.py')}.html"


_RECORDS = (
    FailureMode(
        slug="getitem-ignores-index",
        title="The DataLoader returns the same features for every sample",
        section="1_sample",
        symptom="Every row of every batch is the same. Shuffling changes nothing, and "
        "neither does the number of workers.",
        cause="`__getitem__` does not use its index and always returns the same stored "
        "sample.",
        fix="Read the sample that belongs to the index: `return self.features[index]`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="rng-object-on-dataset",
        title="Every worker applies the same augmentation",
        section="2_randomness",
        symptom="Crops and flips repeat in every epoch, and with several workers also "
        "in each worker.",
        cause="A random generator that is stored on the dataset or on a transform is "
        "copied into every worker, and nothing seeds the copies.",
        fix="Draw from torch's global generator, which every worker seeds for itself, "
        "or rebuild the stored generator in `worker_init_fn` from "
        "`get_worker_info().seed`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="numpy-global-before-1-9",
        title="All workers draw the same NumPy random numbers",
        section="2_randomness",
        symptom="An article says that workers draw the same random numbers by default, "
        "and that `worker_init_fn` must seed them; or you see it, on an old torch.",
        cause="Only torch older than 1.9 left `np.random` in every forked worker in the "
        "state of the main process; since 1.9 each worker seeds `random`, `torch` and "
        "`np.random` for itself.",
        fix="Use torch 1.9 or newer and let nothing reset NumPy in the workers; before "
        "1.9, call `np.random.seed(torch.initial_seed() % 2**32)` in `worker_init_fn`.",
        detected_by="audit",
        until="torch 1.9",
    ),
    FailureMode(
        slug="get-state-recipe",
        title="Every epoch is the same, although worker_init_fn seeds each worker",
        section="2_randomness",
        symptom="With `np.random.seed(np.random.get_state()[1][0] + worker_id)` in "
        "`worker_init_fn`, the workers differ, but each epoch repeats the one before it.",
        cause="Since torch 1.9, `np.random.get_state()[1][0]` is 2147483648 in every "
        "worker when `worker_init_fn` runs, so this popular recipe seeds NumPy with the "
        "same numbers each time workers start.",
        fix="Delete the recipe: torch 1.9 and newer seed `np.random` in every worker "
        "that they start.",
        detected_by="audit",
    ),
)

FAILURE_MODES: Mapping[str, FailureMode] = MappingProxyType(
    {record.slug: record for record in _RECORDS}
)
"""Every failure mode by its slug, in the order of the site."""
