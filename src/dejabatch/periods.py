"""Sequences that start over."""

from collections.abc import Sequence


def period(items: Sequence[object]) -> int | None:
    """Return after how many items a sequence starts over, if it does so at least once.

    Parameters
    ----------
    items : sequence
        Items that can be compared, such as the digests of batches.

    Returns
    -------
    int or None
        The fewest items that all others repeat in the same order; None if there are none.

    Examples
    --------
    >>> from dejabatch.periods import period
    >>> period("abcabca"), period("abcabd")
    (3, None)
    """
    sizes = (
        size
        for size in range(1, len(items) // 2 + 1)
        if items[size] == items[0] and items[size:] == items[:-size]
    )
    return next(sizes, None)
