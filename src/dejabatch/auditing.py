"""From a loader, or a function that makes it, to a report."""

from __future__ import annotations

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
from dejabatch.loaders import unwrap
from dejabatch.observe.experiments.fixed_samples import FixedSamples, fixed_samples
from dejabatch.observe.investigate import investigate, validate_limits
from dejabatch.observe.record import Observation
from dejabatch.observe.spy import Program
from dejabatch.report import Report
from dejabatch.state.generators import global_rngs, restored
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
) -> Report:
    """Name the failures in a DataLoader.

    The loader is read in forked child processes, so that your own loader stays as it is:
    its workers, its sampler, its dataset and all random states.

    In a program with a process group, call `audit` on every rank: the loaders of all
    ranks are compared, and every rank gets the same findings.

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
    ranks : bool
        Whether to compare the loaders of all ranks of a program that has initialized
        torch.distributed. Ranks that do not call `audit` within five seconds are named in
        the report, and this rank is audited alone. A function is called once on each
        rank, in your own process.

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
        `time_limit`, or the function that makes it did; if this happened on another rank,
        which the message names; or on systems that cannot fork.

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
    request = Request(loader, epochs, max_batches, time_limit, expect, checks, progress)
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

    def audit(self) -> Report:
        """Audit the loader of this process alone."""
        self._validate(CHECKS)
        again = is_factory(self.loader)
        seen = self._observe(_Make(self.loader, again), make_again=again)
        judgement = judge(seen, CHECKS, self.checks)
        return Report(
            judgement.findings, judgement.checked, judgement.skipped, observation=seen
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
        met = meet_all_ranks(group, patience)
        if isinstance(met, str):
            return dataclasses.replace(self.audit(), notes=(met,))
        return self._audit_at(met)

    def _audit_at(self, meeting: Meeting) -> Report:
        judgement, seen, headers = audit_with_all_ranks(
            meeting,
            lambda: self._prepare(meeting),
            expect=self.expect if isinstance(self.expect, Expect) else Expect(),
            checks=self.checks,
            time_limit=self.time_limit,
        )
        return Report(
            judgement.findings,
            judgement.checked,
            judgement.skipped,
            observation=seen,
            notes=(f"{meeting.world_size} ranks were compared",),
            ranks=headers,
        )

    def _prepare(self, meeting: Meeting) -> Callable[[float], Examined]:
        """Make the loader, and return a function that examines it."""
        self._validate({**CHECKS, **RANK_CHECKS})
        loader = self.loader
        if is_factory(loader):
            with restored(global_rngs().values()):
                loader = loader()
            unwrap(loader)
        connection = meeting.new_connection()
        return partial(self._examine, meeting, connection, loader)

    def _examine(
        self, meeting: Meeting, connection: Any, loader: Any, seconds: float
    ) -> Examined:
        as_delivered = is_dispatcher(loader)
        make = _Make(AsDelivered(loader) if as_delivered else loader, False)
        reading = seconds * _SHARE_OF_AUDIT
        program = ProgramOfRanks(
            connection, meeting.rank, meeting.world_size, loader, seconds=reading
        )
        seen = self._observe(make, time_limit=reading, program=program)
        fixed = FixedSamples()
        if seen.facts is not None and seen.facts.data_loader:
            fixed = fixed_samples(make, seen, time_limit=seconds - reading)
        return Examined(seen, fixed, judge(seen, CHECKS, self._own_checks()))

    def _own_checks(self) -> Collection[str] | None:
        return None if self.checks is None else CHECKS.keys() & set(self.checks)

    def _observe(
        self,
        make: _Make,
        *,
        make_again: bool = False,
        time_limit: float | None = None,
        program: Program | None = None,
    ) -> Observation:
        shared = SharedMemory({} if make.is_factory else {"loader": make.loader})
        try:
            with _Progress(self.progress) as show:
                seen = investigate(
                    make,
                    epochs=self.epochs,
                    max_batches=self.max_batches,
                    time_limit=self.time_limit if time_limit is None else time_limit,
                    make_again=make_again,
                    show=show,
                    program=program,
                )
        finally:
            shared.restore()
        return dataclasses.replace(seen, expect=self.expect or Expect())

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


@dataclass(frozen=True, slots=True)
class _Make:
    """Return the loader, or what the user's function makes."""

    loader: Any
    is_factory: bool

    def __call__(self) -> DataLoader[Any] | Iterable[Any]:
        return unwrap(self.loader() if self.is_factory else self.loader)


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
            disable=None if wanted is None else not wanted,
            leave=False,
            file=sys.stderr,
        )

    def __enter__(self) -> Callable[[str], object]:
        return self._bar.set_postfix_str

    def __exit__(self, *_: object) -> None:
        self._bar.close()
