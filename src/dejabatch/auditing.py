"""From a loader, or a function that makes it, to a report."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader
from tqdm import tqdm

from dejabatch.checks import CHECKS, judge
from dejabatch.expect import Expect
from dejabatch.loaders import WRAPPED, held_by_wrapper, unwrap
from dejabatch.observe.investigate import investigate, validate_limits
from dejabatch.report import Report
from dejabatch.state.shared_memory import SharedMemory


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

    The loader is read in forked child processes, so that your own loader stays as it is:
    its workers, its sampler, its dataset and all random states.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader, iterable or callable
        The loader, or a function without arguments that makes it. Loaders wrapped by
        accelerate, Lightning Fabric or webdataset are unwrapped. For any other iterable
        only the batches are inspected. A function shows the most: it is called a second
        time, and the two loaders are compared.
    epochs : int
        How many epochs to read. One epoch shows nothing about repeated epochs.
    max_batches : int
        How many batches of each epoch to read.
    time_limit : float
        Seconds after which reading stops; the report covers what was observed by then.
    expect : Expect, optional
        Your expectations of the loader, such as an order that is meant to repeat.
    checks : collection of str, optional
        Slugs of the failure modes to look for; by default all that can be detected.
    progress : bool, optional
        Whether to show a progress bar; by default only on a terminal.

    Returns
    -------
    Report
        The findings, what was checked, and what could not be checked.

    Raises
    ------
    TypeError
        If `loader` is neither iterable nor callable, or `expect` is not an `Expect`.
    ValueError
        If another argument cannot be used. The message names it.
    RuntimeError
        If the loader gave not a single batch because it raised or took longer than
        `time_limit`, or the function that makes it did; or on systems that cannot fork.

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
      fix:      Use a sampler class whose `__iter__` starts a new pass each time.
      https://dejabatch.github.io/dejabatch/gallery/3_order/plot_one_shot_sampler.html

    A loader without this failure, checked for this failure alone:

    >>> loader = DataLoader(range(8), shuffle=True)
    >>> dejabatch.audit(loader, checks=["one-shot-sampler"]).ok
    True
    """
    _validate_arguments(loader, expect, checks)
    validate_limits(epochs, max_batches, time_limit)
    is_factory = _is_factory(loader)
    shared = SharedMemory({} if is_factory else {"loader": loader})
    try:
        with _Progress(progress) as show:
            seen = investigate(
                _Make(loader, is_factory),
                epochs=epochs,
                max_batches=max_batches,
                time_limit=time_limit,
                make_again=is_factory,
                make_outer=_MakeOuter(loader, is_factory),
                show=show,
            )
    finally:
        shared.restore()
    seen = dataclasses.replace(seen, expect=expect or Expect())
    judgement = judge(seen, CHECKS, checks)
    return Report(
        judgement.findings, judgement.checked, judgement.skipped, observation=seen
    )


@dataclass(frozen=True, slots=True)
class _Make:
    """Return the loader, or what the user's function makes."""

    loader: Any
    is_factory: bool

    def __call__(self) -> DataLoader[Any] | Iterable[Any]:
        outer = self.loader() if self.is_factory else self.loader
        inner = unwrap(outer)
        if inner is held_by_wrapper(outer):
            inner.__dict__[WRAPPED] = True  # in the process that reads the loader
        return inner


@dataclass(frozen=True, slots=True)
class _MakeOuter:
    """Return what the program iterates, with its wrapper."""

    loader: Any
    is_factory: bool

    def __call__(self) -> Iterable[Any]:
        outer: Iterable[Any] = self.loader() if self.is_factory else self.loader
        return outer


def _is_factory(loader: object) -> bool:
    return callable(loader) and not isinstance(loader, Iterable)


class _Bar(tqdm):  # type: ignore[type-arg]
    # tqdm's default lock is a multiprocessing semaphore, which would leak.
    _lock = threading.RLock()
    # tqdm's monitor is a thread, which would outlive the audit.
    monitor_interval = 0


class _Progress:
    """A line on the terminal that shows what the audit is doing."""

    def __init__(self, wanted: bool | None) -> None:
        # tqdm understands disable=None as "show the bar only on a terminal".
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


def _validate_arguments(loader: Any, expect: Any, checks: Any) -> None:
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
