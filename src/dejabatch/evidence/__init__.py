"""Facts derived from an observation, each once, and shared by several checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from dejabatch.findings import CannotTell

Seen = TypeVar("Seen")
T = TypeVar("T")


class Evidence(Generic[Seen]):
    """Facts that functions of this package derive from one observation, each once.

    Parameters
    ----------
    seen : dejabatch.observe.record.Observation or dejabatch.observe.record.Pair
        The observation.
    """

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._derived: dict[Callable[..., Any], Any] = {}

    def of(self, derive: Callable[[Seen, Evidence[Seen]], T]) -> T:
        """Return what a function derives from the observation.

        Parameters
        ----------
        derive : callable
            A function of this package that takes the observation and this evidence.

        Returns
        -------
        object
            What `derive` returned the first time.

        Raises
        ------
        dejabatch.findings.CannotTell
            What `derive` raised the first time.
        """
        if derive not in self._derived:
            try:
                self._derived[derive] = derive(self._seen, self)
            except CannotTell as reason:
                self._derived[derive] = reason
        derived = self._derived[derive]
        if isinstance(derived, CannotTell):
            raise CannotTell(*derived.args)
        return derived  # type: ignore[no-any-return]
