"""From a loader, or a function that makes it, to a report."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch.utils.data import DataLoader
from tqdm import tqdm

from dejabatch.checks import CHECKS, RANK_CHECKS, judge
from dejabatch.distributed.auditing import (
    AsDelivered,
    Examined,
    ProgramOfRanks,
    audit_with_all_ranks,
    group_of_program,
    is_dispatcher,
    meet_all_ranks,
)
from dejabatch.distributed.meeting import PATIENCE, Meeting
from dejabatch.expect import Expect
from dejabatch.loaders import unwrap, unwrap_and_mark
from dejabatch.observe.children import (
    Method,
    can_fork,
    default_method,
    require_spawn,
)
from dejabatch.observe.experiments.fixed_samples import FixedSamples, fixed_samples
from dejabatch.observe.facts import start_method_of
from dejabatch.observe.investigate import (
    investigate,
    validate_limits,
    validate_method,
)
from dejabatch.observe.isolate import children_started_by, undo_writes_from_here
from dejabatch.observe.record import Observation
from dejabatch.observe.sources import source_of
from dejabatch.observe.spy import Program
from dejabatch.report import Report
from dejabatch.state.generators import global_rngs, restored
from dejabatch.state.inherited import inherited_by_children
from dejabatch.state.live import (
    Held,
    close_connections,
    forks_break,
    held_by,
    listed,
    parts_of,
)
from dejabatch.state.main_module import require_guard
from dejabatch.state.reach import walk
from dejabatch.state.shared_memory import SharedMemory

# Share of time_limit for the audit of one rank; fixed samples get the rest.
_SHARE_OF_AUDIT = 0.8


def audit(
    loader: DataLoader[Any] | Iterable[Any] | Callable[[], Any],
    *,
    epochs: int = 2,
    max_batches: int = 64,
    time_limit: float = 60.0,
    expect: Expect | None = None,
    checks: Collection[str] | None = None,
    progress: bool | None = None,
    ranks: bool = True,
    method: Method | None = None,
) -> Report:
    """Name the failures in a DataLoader.

    A function that makes the loader is called in child processes. A loader is read in
    forked copies of this process, or in new processes that get a pickled copy. All leave
    this process as it is: its workers, files, connections, locks, shared memory and
    random states. See :ref:`harmless`.

    In a program with a process group, call `audit` on every rank: the loaders of all
    ranks are compared, and every rank gets the same findings.

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
    ranks : bool
        Whether to compare the loaders of all ranks of a program that has initialized
        torch.distributed. Ranks that do not call `audit` within five seconds are named in
        the report, and this rank is audited alone. A function is called once on each
        rank, in your own process.
    method : {"fork", "spawn"}, optional
        How to start the processes that read the loader. ``"fork"`` is the default where
        the system has it. ``"spawn"`` takes some seconds more for each process, and
        needs a loader or function that can be pickled; ranks are not compared. The
        loader's workers are started as your program starts them, with either.

    Returns
    -------
    Report
        The findings, what was checked, and what could not be checked.

    Raises
    ------
    TypeError
        If `loader` is neither iterable nor callable, or `expect` is not an `Expect`.
    ValueError
        If another argument cannot be used; if the loader holds an object that a forked
        process cannot use, such as an open connection, or one that cannot be pickled for
        a spawned process. The message names it.
    RuntimeError
        If the loader gave not a single batch because it raised or took longer than
        `time_limit`, or the function that makes it did; or if this happened on another
        rank, which the message names.

    Notes
    -----
    Ranks exchange at most four kilobytes each through the store of their process group.
    No collective runs in your program. The children of all ranks have a group of their
    own, so that a sampler or dataset can broadcast.

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
    request = Request(
        loader, epochs, max_batches, time_limit, expect, checks, progress, method
    )
    return request.audit_with_others(PATIENCE) if ranks else request.audit()


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `audit`."""

    loader: Any
    epochs: int
    max_batches: int
    time_limit: float
    expect: Expect | None = None
    checks: Collection[str] | None = None
    progress: bool | None = None
    method: Method | None = None

    def audit(self) -> Report:
        """Audit the loader of this process alone."""
        self._validate(CHECKS)
        seen = self._observe(self.loader, self.time_limit)
        judgement = judge(seen, CHECKS, self.checks)
        return Report(
            judgement.findings,
            judgement.checked,
            judgement.skipped,
            observation=seen,
            untold=judgement.untold,
        )

    def audit_with_others(self, patience: float) -> Report:
        """Audit the loaders of all ranks, or this one alone if the others do not come.

        Parameters
        ----------
        patience : float
            Seconds to wait for the other ranks.
        """
        group = group_of_program()
        if group is None:
            return self.audit()
        if self.method == "spawn" or not can_fork():
            note = "the ranks were not compared, which needs forked processes"
            return dataclasses.replace(self.audit(), notes=(note,))
        met = meet_all_ranks(group, patience)
        if isinstance(met, str):
            return dataclasses.replace(self.audit(), notes=(met,))
        return self._audit_at(met)

    def _audit_at(self, meeting: Meeting) -> Report:
        # The connection must be there before any rank forks: see join_group_of_children.
        # A function may seed this process, and the loader is read with these seeds.
        with (
            restored(global_rngs().values()),
            inherited_by_children(meeting.new_connection) as connection,
        ):
            outcome = audit_with_all_ranks(
                meeting,
                lambda: self._prepare(meeting, connection),
                expect=self.expect if isinstance(self.expect, Expect) else Expect(),
                checks=self.checks,
                time_limit=self.time_limit,
            )
        judgement = outcome.judgement
        return Report(
            judgement.findings,
            judgement.checked,
            judgement.skipped,
            observation=outcome.seen,
            untold=judgement.untold,
            notes=(f"{meeting.world_size} ranks were compared",),
            incomplete_ranks=outcome.incomplete,
            ranks=outcome.ranks,
        )

    def _prepare(
        self, meeting: Meeting, connection: Any
    ) -> Callable[[float], Examined]:
        """Make the loader, and return a function that examines it."""
        self._validate({**CHECKS, **RANK_CHECKS})
        loader = self.loader
        if is_factory(loader):
            loader = loader()
            unwrap(loader)
        return partial(self._examine, meeting, connection, loader)

    def _examine(
        self, meeting: Meeting, connection: Any, loader: Any, seconds: float
    ) -> Examined:
        delivered = AsDelivered(loader) if is_dispatcher(loader) else loader
        reading = seconds * _SHARE_OF_AUDIT
        program = ProgramOfRanks(
            connection, meeting.rank, meeting.world_size, loader, seconds=reading
        )
        seen = self._observe(delivered, reading, program=program)
        fixed = FixedSamples()
        if seen.facts is not None and seen.facts.data_loader:
            make = _Make(delivered, False, held_by(parts_of(unwrap(delivered))))
            fixed = fixed_samples(make, seen, time_limit=seconds - reading)
        return Examined(seen, fixed, judge(seen, CHECKS, self._own_checks()))

    def _own_checks(self) -> Collection[str] | None:
        return None if self.checks is None else CHECKS.keys() & set(self.checks)

    def _observe(
        self, loader: Any, time_limit: float, *, program: Program | None = None
    ) -> Observation:
        """Observe a loader, or what a function makes, without changing it."""
        again = is_factory(loader)
        roots = {"make_loader": loader} if again else parts_of(unwrap(loader))
        walked = list(walk(roots, every_item=True))
        held = held_by(roots, walked=walked)
        method = self._method_for(loader, held)
        if method == "spawn":
            held = Held()
        elif held.live:
            raise ValueError(_refuse(held, again))
        if not again:
            _require_guard(unwrap(loader))
        make = _Make(loader, again, held)
        # A wrapper's own collectives find no other rank in a further child.
        alone = program is None or unwrap(loader) is loader
        shared = SharedMemory(roots, walked=walked)
        del walked
        try:
            with (
                _Progress(self.progress) as show,
                children_started_by(method),
            ):
                seen = investigate(
                    make,
                    epochs=self.epochs,
                    max_batches=self.max_batches,
                    time_limit=time_limit,
                    make_again=again,
                    make_outer=_MakeOuter(make) if alone else None,
                    show=show,
                    program=program,
                )
        finally:
            shared.restore()
        maker = source_of("", loader) if again else None
        sources = (maker, *seen.sources) if maker else seen.sources
        expect = self.expect or Expect()
        return dataclasses.replace(seen, expect=expect, sources=sources)

    def _method_for(self, loader: Any, held: Held) -> Method:
        """Choose how to start the processes that read a loader.

        Raises
        ------
        ValueError
            If they must be spawned, and cannot read the loader.
        """
        method = self.method or default_method()
        if method == "spawn":
            require_spawn(loader=loader)
            return method
        breaks = bool(held.live) or forks_break()
        if self.method is None and is_factory(loader) and breaks:
            with contextlib.suppress(ValueError):
                require_spawn(loader=loader)
                return "spawn"
        return method

    def _validate(self, known: Collection[str]) -> None:
        if not is_factory(self.loader):
            unwrap(self.loader)
        given: Any = self.expect
        if given is not None and not isinstance(given, Expect):
            msg = f"expect must be a dejabatch.Expect, not {given!r}"
            raise TypeError(msg)
        if unknown := sorted(set(self.checks or ()) - {*known}):
            needs = [slug for slug in unknown if slug in RANK_CHECKS]
            msg = f"checks: {', '.join(needs or unknown)} "
            msg += (
                "shows between ranks: call audit on every rank of a program"
                if needs
                else f"cannot be detected; choose from {', '.join(known)}"
            )
            raise ValueError(msg)
        validate_limits(self.epochs, self.max_batches, self.time_limit)
        validate_method(self.method)


@dataclass(frozen=True, slots=True)
class _Make:
    """Return the loader, or what the user's function makes."""

    loader: Any
    is_factory: bool
    held: Held

    def __call__(self) -> DataLoader[Any] | Iterable[Any]:
        return unwrap_and_mark(self.outer())

    def outer(self) -> Any:
        """Return what the program iterates, with its wrapper."""
        self.held.renew()
        made = self.loader() if self.is_factory else self.loader
        # Files that a function makes stay: it may download the dataset.
        undo_writes_from_here()
        _require_guard(unwrap(made))
        if self.is_factory:
            close_connections(parts_of(unwrap(made)))
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
    method = start_method_of(loader)
    if method != "fork":
        require_guard(f"the workers are started by {method} and")


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


def is_factory(loader: object) -> bool:
    """Return whether an argument of `audit` is a function that makes the loader."""
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
