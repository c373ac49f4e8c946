"""The user's expectations of a loader, which the loader itself does not show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Your expectations of a loader. None, the default, stands for "not known".

    Attributes
    ----------
    replacement : bool or None
        Whether the sampler may draw an index several times in an epoch and leave others
        out.
    repeats : bool or None
        Whether different indices may have the same sample; for a stream, whether its
        workers may draw from the same samples.
    deterministic : bool or None
        Whether an index is to give the same sample in every epoch, as in validation.
    fixed_order : bool or None
        Whether every epoch is to have the same order.

    Raises
    ------
    TypeError
        If a value is neither a bool nor None.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(4), sampler=[0, 1, 2, 2])
    >>> dejabatch.audit(loader).ok  # it may be meant
    True
    >>> expect = dejabatch.Expect(replacement=False)
    >>> [finding.slug for finding in dejabatch.audit(loader, expect=expect).findings]
    ['sampler-repeats-indices']
    """

    replacement: bool | None = None
    repeats: bool | None = None
    deterministic: bool | None = None
    fixed_order: bool | None = None

    def __post_init__(self) -> None:
        """Reject values other than True, False and None."""
        for name in self.__slots__:
            value = getattr(self, name)
            if not (value is None or isinstance(value, bool)):
                msg = f"Expect: {name} must be True, False or None, not {value!r}"
                raise TypeError(msg)
