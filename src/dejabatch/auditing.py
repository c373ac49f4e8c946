"""The whole way from a loader to a report."""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
from torch.utils.data import DataLoader
from tqdm import tqdm

from dejabatch.checks import CHECKS, judge
from dejabatch.state import generators as rng
from dejabatch.loaders import unwrap
from dejabatch.state.shared_memory import SharedMemory
from dejabatch.observe.investigate import look, refuse_bad_limits
from dejabatch.observe.record import Expect, Observation
from dejabatch.observe.spy import observe
from dejabatch.report import Report


def audit(
    loader: DataLoader[Any] | Iterable[Any] | Callable[[], Any],
    *,
    epochs: int = 2,
    max_batches: int = 64,
    time_limit: float = 60.0,
    expect: Expect | None = None,
    checks: Collection[str] | None = None,
    progress: bool | None = None,
) -> Report:
    """Name the failures in a DataLoader.

    The loader is read in forked child processes, so that nothing of it changes here: not
    its workers, its sampler, its dataset, nor any random state.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        The loader, or a function without arguments that makes it. Loaders that
        accelerate, Lightning Fabric or webdataset made of a DataLoader will do, too. Of
        any other iterable only the batches are seen. A function shows the most: it is
        called again, and what it makes is compared.
    epochs : int
        How many epochs to read. With one, nothing can be said about repeated epochs.
    max_batches : int
        How many batches of each epoch to read.
    time_limit : float
        Seconds after which reading stops; the report is about what was seen until then.
    expect : Expect, optional
        What cannot be known from outside, such as whether an order is meant to repeat.
    checks : collection of str, optional
        Slugs of the failure modes to look for; by default all that can be detected.
    progress : bool, optional
        Whether to show a progress bar; by default on a terminal only.

    Returns
    -------
    Report
        The findings, what was checked, and what could not be.

    Raises
    ------
    TypeError
        If `loader` is neither iterable nor callable, or `expect` is no `Expect`.
    ValueError
        If another argument cannot be used. The message names it.
    RuntimeError
        If the loader gave not a single batch because it, or the function that makes it,
        raised or took longer than `time_limit`; or on systems that cannot fork.

    Examples
    --------
    The sampler is an iterator, which gives its indices once:

    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(8), sampler=iter(range(8)))
    >>> report = dejabatch.audit(loader)
    >>> print(report.findings[0])
    error: The second epoch is empty
      where:    sampler
      evidence: the sampler is a builtins.range_iterator, which has one pass
      fix:      Make it a class whose `__iter__` begins again each time.
      https://dejabatch.github.io/dejabatch/gallery/3_order/plot_one_shot_sampler.html

    Another look, for this failure alone, at a loader without it:

    >>> loader = DataLoader(range(8), shuffle=True)
    >>> dejabatch.audit(loader, checks=["one-shot-sampler"]).ok
    True
    """
    _refuse_bad_arguments(loader, expect, checks)
    refuse_bad_limits(epochs, max_batches, time_limit)
    deadline = time.monotonic() + time_limit
    is_factory = _is_factory(loader)

    def make() -> Any:
        return unwrap(loader() if is_factory else loader)  # type: ignore[operator]

    shared = SharedMemory({} if is_factory else {"loader": loader})
    try:
        with _Progress(progress) as show:
            seen = look(
                make,
                epochs=epochs,
                max_batches=max_batches,
                time_limit=time_limit,
                show=show,
            )
            if is_factory:
                show("making it again")
                seen = _make_again(make, seen, max_batches, deadline)
    finally:
        shared.restore()
    seen = dataclasses.replace(seen, expect=expect or Expect())
    chosen = {s: c for s, c in CHECKS.items() if checks is None or s in checks}
    return judge(seen, chosen)


def _make_again(
    make: Callable[[], Any], seen: Observation, max_batches: int, deadline: float
) -> Observation:
    """Add what the loader looks like that the same function makes another time."""

    def make_elsewhere() -> Any:
        # As in another run of the program: nothing but a seed makes them alike.
        for number, generator in enumerate(rng.global_rngs().values()):
            rng.reseed(generator, np.random.SeedSequence([1, number]))
        return make()

    left = deadline - time.monotonic()
    if left <= 0:
        return seen
    rebuilt = observe(
        make_elsewhere, epochs=1, max_batches=max_batches, time_limit=left
    )
    return dataclasses.replace(seen, rebuilt=rebuilt)


def _is_factory(loader: object) -> bool:
    return callable(loader) and not isinstance(loader, Iterable)


class _Bar(tqdm):  # type: ignore[type-arg]
    # That of tqdm is a semaphore between processes, which would stay in this one.
    _lock = threading.RLock()
    # Nor does the thread stay that would redraw a bar which stands still.
    monitor_interval = 0


class _Progress:
    """A line on the terminal that says what is going on."""

    def __init__(self, wanted: bool | None) -> None:
        # None stands for "on a terminal only", for tqdm, too.
        self._bar = _Bar(
            desc="dejabatch",
            bar_format="{desc}: {postfix} ({elapsed})",
            disable=None if wanted is None else not wanted,
            leave=False,
            file=sys.stderr,
        )

    def __enter__(self) -> Callable[[str], object]:
        return self._bar.set_postfix_str

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _refuse_bad_arguments(loader: Any, expect: Any, checks: Any) -> None:
    if not _is_factory(loader):
        unwrap(loader)
    if expect is not None and not isinstance(expect, Expect):
        msg = f"expect must be a dejabatch.Expect, not {expect!r}"
        raise TypeError(msg)
    if unknown := set(checks or ()) - CHECKS.keys():
        msg = (
            f"checks: {', '.join(sorted(unknown))} cannot be detected; choose from "
            f"{', '.join(CHECKS)}"
        )
        raise ValueError(msg)
