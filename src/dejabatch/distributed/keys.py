"""Hashes of samples that ranks exchange to count what they have in common.

Every rank keeps its smallest hashes. The smallest of all ranks' bounds is a threshold that
all ranks share: below it, the hashes of every rank are complete. The shared part is
counted exactly and scaled by the share of hashes that are below the threshold. If no rank
had to drop a hash, the counts are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

ALL: Final = 2**64 - 1
"""Bound of a rank that kept all of its hashes."""

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_FIRST_INVERSE, _SECOND_INVERSE = (
    np.uint64(0x96DE1B173F119089),
    np.uint64(0x319642B2D24D8EC3),
)
# Ranges of indices up to this size are hashed one by one; larger ones are estimated.
_MOST_TO_HASH = 10_000_000


def hash_indices(indices: npt.NDArray[np.int64]) -> Hashes:
    """Return a hash of each index.

    Parameters
    ----------
    indices : numpy.ndarray
        int64 of shape (samples,).

    Returns
    -------
    numpy.ndarray
        uint64 of shape (samples,). The hash is the finalizer of splitmix64
        (https://prng.di.unimi.it/splitmix64.c) and can be inverted: different indices
        have different hashes.
    """
    z = np.asarray(indices, np.int64).view(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def indices_of(hashes: Hashes) -> npt.NDArray[np.int64]:
    """Return the indices whose hashes these are.

    Parameters
    ----------
    hashes : numpy.ndarray
        uint64 of shape (samples,), from `hash_indices`.

    Returns
    -------
    numpy.ndarray
        int64 of shape (samples,).
    """
    z = hashes ^ (hashes >> np.uint64(31)) ^ (hashes >> np.uint64(62))
    z = z * _SECOND_INVERSE
    z = (z ^ (z >> np.uint64(27)) ^ (z >> np.uint64(54))) * _FIRST_INVERSE
    z = z ^ (z >> np.uint64(30)) ^ (z >> np.uint64(60))
    return np.asarray(z.view(np.int64))


def hash_digests(digests: npt.NDArray[np.uint8]) -> Hashes:
    """Return a hash of each digest.

    Parameters
    ----------
    digests : numpy.ndarray
        uint8 of shape (samples, 16).

    Returns
    -------
    numpy.ndarray
        uint64 of shape (samples,).
    """
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64).reshape(-1)


@dataclass(frozen=True, slots=True)
class Keys:
    """The smallest hashes of one rank's samples.

    Attributes
    ----------
    hashes : numpy.ndarray
        uint64 of shape (keys,), ascending, each once.
    counts : numpy.ndarray
        uint8 of shape (keys,): how often each sample was drawn, at most 255.
    bound : int
        All hashes of the rank up to this number are among `hashes`.
    """

    hashes: Hashes
    counts: npt.NDArray[np.uint8]
    bound: int = ALL

    def pack(self) -> tuple[bytes, bytes, int]:
        """Return the keys as bytes: nine for each key."""
        return self.hashes.tobytes(), self.counts.tobytes(), self.bound

    @staticmethod
    def unpack(packed: tuple[bytes, bytes, int]) -> Keys:
        """Return the keys that `pack` made bytes of."""
        hashes, counts, bound = packed
        return Keys(
            np.frombuffer(hashes, np.uint64), np.frombuffer(counts, np.uint8), bound
        )


def keys_of(hashes: Hashes, most: int) -> Keys:
    """Return the smallest hashes, each once, with their counts.

    Parameters
    ----------
    hashes : numpy.ndarray
        uint64 of shape (samples,).
    most : int
        The largest number of keys.

    Returns
    -------
    Keys
        `Keys.bound` is the largest hash if some had to be dropped.
    """
    kept, counts = np.unique(hashes, return_counts=True)
    bound = ALL if len(kept) <= most else int(kept[most - 1])
    return Keys(kept[:most], np.minimum(counts[:most], 255).astype(np.uint8), bound)


@dataclass(frozen=True)
class Overlap:
    """Samples of several ranks, counted below the threshold that all ranks share.

    Attributes
    ----------
    hashes : numpy.ndarray
        uint64 of shape (keys,), ascending, each once.
    ranks, draws : numpy.ndarray
        int64 of shape (keys,): how many ranks have each sample, and how often the sample
        was drawn by all ranks.
    bound : int
        The threshold; `ALL` if the counts are exact.
    """

    hashes: Hashes
    ranks: npt.NDArray[np.int64]
    draws: npt.NDArray[np.int64]
    bound: int

    @property
    def exact(self) -> bool:
        """Whether nothing is estimated."""
        return self.bound == ALL

    @cached_property
    def distinct(self) -> int:
        """How many different samples the ranks have."""
        return self._scaled(len(self.hashes))

    @cached_property
    def shared(self) -> int:
        """How many samples are on more than one rank."""
        return self._scaled(int((self.ranks > 1).sum()))

    @cached_property
    def repeated(self) -> int:
        """How many draws repeat a sample that was drawn before, on any rank."""
        return self._scaled(int(self.draws.sum()) - len(self.draws))

    def never(self, length: int) -> int:
        """Return how many of the indices from 0 to `length` are on no rank."""
        if self.exact:
            return max(0, length - self.distinct)
        if length > _MOST_TO_HASH:
            return max(0, length - self.distinct)
        possible = hash_indices(np.arange(length)) <= np.uint64(self.bound)
        seen = len(self.hashes) / max(1, int(possible.sum()))
        return max(0, round(length * (1 - seen)))

    def say(self, count: int) -> str:
        """Return a count in words, which say if it is estimated."""
        return str(count) if self.exact else f"about {count}"

    def _scaled(self, count: int) -> int:
        return count if self.exact else round(count * ALL / max(1, self.bound))


def overlap(parts: Sequence[Keys]) -> Overlap:
    """Count the samples that ranks have in common.

    Parameters
    ----------
    parts : sequence of Keys
        The keys of each rank.

    Returns
    -------
    Overlap
        The counts.
    """
    bound = min((part.bound for part in parts), default=ALL)
    below = [
        (part.hashes[: (n := _count_up_to(part, bound))], part.counts[:n])
        for part in parts
    ]
    hashes = np.concatenate([h for h, _ in below] or [np.empty(0, np.uint64)])
    counts = np.concatenate([c for _, c in below] or [np.empty(0, np.uint8)])
    kept, place = np.unique(hashes, return_inverse=True)
    return Overlap(
        kept,
        np.bincount(place, minlength=len(kept)),
        np.bincount(place, weights=counts, minlength=len(kept)).astype(np.int64),
        bound,
    )


def _count_up_to(part: Keys, bound: int) -> int:
    return int(np.searchsorted(part.hashes, np.uint64(bound), side="right"))
