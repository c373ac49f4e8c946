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
from dejabatch.observe.isolate import (
    children_started_by,
    start_method,
    undo_writes_from_here,
)
from dejabatch.observe.sources import source_of
from dejabatch.report import Report
from dejabatch.state.live import (
    Held,
    can_be_pickled,
    forks_break,
    held_by,
    listed,
    parts_of,
)
from dejabatch.state.main_module import unguarded_line
from dejabatch.state.reach import walk
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

    A function that makes the loader is called in child processes. A loader is read in
    forked copies of this process. Both leave this process as it is: its workers, files,
    connections, locks, shared memory and random states. See :ref:`harmless`.

    Parameters
    ----------
    loader : callable, torch.utils.data.DataLoader or iterable
        A function without arguments that makes the loader, or the loader itself. A
        function shows the most: it is called a second time, and the two loaders are
        compared. Loaders wrapped by accelerate, Lightning Fabric or webdataset are
        unwrapped. For any other iterable only the batches are inspected, and the report
        is incomplete.
    epochs : int
        How many epochs to read. One epoch shows nothing about repeated epochs.
    max_batches : int
        How many batches of each epoch to read.
    time_limit : float
        Seconds after which reading stops between two samples; the report covers what was
        observed by then, and is incomplete with fewer than two epochs. A sample has a
        tenth of the limit and two seconds more to end.
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
        If another argument cannot be used, or if the loader holds an object that a forked
        process cannot use, such as an open connection. The message names it.
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
    roots = {"make_loader": loader} if is_factory else parts_of(unwrap(loader))
    walked = list(walk(roots, every_item=True))
    held = held_by(roots, walked=walked)
    fresh = is_factory and (bool(held.live) or forks_break()) and can_be_pickled(loader)
    if held.live and not fresh:
        raise ValueError(_refuse(held, is_factory))
    if not is_factory:
        _require_guard(unwrap(loader))
    limits: Any = {
        "epochs": epochs,
        "max_batches": max_batches,
        "time_limit": time_limit,
    }
    shared = SharedMemory(roots, walked=walked)
    del walked
    try:
        with _Progress(progress) as show:
            make = _Make(loader, is_factory, Held() if fresh else held)
            with children_started_by("spawn" if fresh else "fork"):
                seen = investigate(
                    make,
                    make_again=is_factory,
                    make_outer=_MakeOuter(make),
                    show=show,
                    **limits,
                )
    finally:
        shared.restore()
    maker = source_of("", loader) if is_factory else None
    sources = (maker, *seen.sources) if maker else seen.sources
    seen = dataclasses.replace(seen, expect=expect or Expect(), sources=sources)
    judgement = judge(seen, CHECKS, checks)
    return Report(
        judgement.findings,
        judgement.checked,
        judgement.skipped,
        observation=seen,
        untold=judgement.untold,
    )


@dataclass(frozen=True, slots=True)
class _Make:
    """Return the loader, or what the user's function makes."""

    loader: Any
    is_factory: bool
    held: Held

    def __call__(self) -> DataLoader[Any] | Iterable[Any]:
        outer = self.outer()
        inner = unwrap(outer)
        if inner is held_by_wrapper(outer):
            inner.__dict__[WRAPPED] = True  # in the process that reads the loader
        return inner

    def outer(self) -> Any:
        """Return what the program iterates, with its wrapper."""
        self.held.renew()
        made = self.loader() if self.is_factory else self.loader
        # Files that a function makes stay: it may download the dataset.
        undo_writes_from_here()
        _require_guard(unwrap(made))
        return made


@dataclass(frozen=True, slots=True)
class _MakeOuter:
    """Return what the program iterates, with its wrapper."""

    make: _Make

    def __call__(self) -> Iterable[Any]:
        outer: Iterable[Any] = self.make.outer()
        return outer


def _require_guard(loader: object) -> None:
    """Raise if the loader's workers would run the program again."""
    if not isinstance(loader, DataLoader) or not loader.num_workers:
        return
    context = loader.multiprocessing_context
    method = start_method() if context is None else context.get_start_method()
    if method != "fork" and (line := unguarded_line()) is not None:
        msg = (
            f"loader: the workers are started by {method} and import the main module, "
            f"which would run {line} again. Put this line under "
            "`if __name__ == '__main__':`"
        )
        raise ValueError(msg)


def _refuse(held: Held, is_factory: bool) -> str:
    advice = (
        "Let the function make the object itself, or define the function at the top of "
        "a module, so that a new process can import it"
        if is_factory
        else "Write a function that makes the loader and all that it needs, and pass "
        "the function: audit(make_loader)"
    )
    return (
        f"loader: {listed(held.live)}. audit reads a loader in a forked copy of this "
        "process, which cannot use such an object without harm to this process. Nothing "
        f"was read. {advice}"
    )


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
            # A program without a console, such as one of pythonw, has no stderr.
            disable=sys.stderr is None or (None if wanted is None else not wanted),
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
