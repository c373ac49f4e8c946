"""Audit the loaders of all ranks of a program, and make one report of them."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d

from dejabatch.checks import RANK_CHECKS, Judgement, judge
from dejabatch.distributed.child_group import join_group_of_children
from dejabatch.distributed.header import header_of
from dejabatch.distributed.meeting import PATIENCE, Absent, Meeting, meet
from dejabatch.distributed.record import Header, Ranks, pack, say_ranks, unpack
from dejabatch.evidence.facts import FUNCTION
from dejabatch.expect import Expect
from dejabatch.findings import SEVERITIES, Finding
from dejabatch.observe.experiments.fixed_samples import FixedSamples
from dejabatch.observe.record import Observation
from dejabatch.observe.spy import Program
from dejabatch.ranks import has_process_group

# Seconds beyond the time limit for which rank 0 waits for headers, and the other ranks
# wait for the report.
_SECONDS_FOR_HEADERS: Final = 4.0
_SECONDS_FOR_REPORT: Final = 7.0


class RankError(RuntimeError):
    """Another rank could not audit its loader, or gave no answer."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One rank's loader, seen and judged by itself.

    Attributes
    ----------
    seen : dejabatch.observe.record.Observation
        The observation.
    fixed : FixedSamples
        Samples from fixed random states.
    judgement : dejabatch.checks.Judgement
        The findings about this loader alone.
    """

    seen: Observation
    fixed: FixedSamples
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an audit of all ranks.

    Attributes
    ----------
    judgement : dejabatch.checks.Judgement
        The findings about all ranks, which all ranks get.
    seen : dejabatch.observe.record.Observation
        The observation of this rank's loader.
    incomplete : mapping of int to str
        The ranks that were read in part, each with the reason.
    ranks : Ranks or None
        The headers of all ranks, on rank 0.
    """

    judgement: Judgement
    seen: Observation
    incomplete: Mapping[int, str]
    ranks: Ranks | None


@dataclass(frozen=True, slots=True)
class Group:
    """The process group of the program.

    Attributes
    ----------
    store : torch.distributed.Store
        Its store.
    rank, world_size : int
        The number of this rank, and of all ranks.
    """

    store: Any
    rank: int
    world_size: int


def group_of_program() -> Group | None:
    """Return the process group of this program.

    Returns
    -------
    Group or None
        None if there is no group, if the group has one rank, or if the group has no
        store, as with MPI.
    """
    if not has_process_group():
        return None
    rank, world_size = dist.get_rank(), dist.get_world_size()
    store = distributed_c10d._get_default_store()
    if world_size < 2 or store is None:
        return None
    return Group(store, rank, world_size)


def meet_all_ranks(group: Group, patience: float = PATIENCE) -> Meeting | str:
    """Wait until all ranks audit their loaders.

    Returns
    -------
    Meeting or str
        The text says which ranks did not come.
    """
    met = meet(group.store, group.rank, group.world_size, patience)
    if not isinstance(met, Absent):
        return met
    if not met.ranks:
        return (
            f"rank {group.rank} was audited alone: the ranks called audit more than "
            f"{patience:g} seconds apart"
        )
    return (
        f"rank {group.rank} of {group.world_size} was audited alone: "
        f"{say_ranks(met.ranks)} did not call audit within {patience:g} seconds. To "
        "compare ranks, call audit on every rank, after torch.distributed.barrier()"
    )


class AsDelivered:
    """The batches of a loader that only all ranks together can read."""

    # Without a __dict__, so that the loader is not unwrapped.
    __slots__ = ("loader",)

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        """Iterate the loader itself."""
        return iter(self.loader)


def is_dispatcher(loader: Any) -> bool:
    """Return whether rank 0 reads a loader for all ranks, as accelerate's dispatcher."""
    return any(c.__name__ == "DataLoaderDispatcher" for c in type(loader).__mro__)


@dataclass(frozen=True, slots=True)
class ProgramOfRanks(Program):
    """The steps before a loader is read, in the children of all ranks together.

    Attributes
    ----------
    connection : torch.distributed.Store or None
        A connection for the child, made before any rank forks one.
    rank, world_size : int
        The number of this rank, and of all ranks.
    loader : object
        The loader as the program has it, with its wrappers.
    seconds : float
        How long a collective may take.
    """

    connection: Any
    rank: int
    world_size: int
    loader: Any
    seconds: float

    def before_reading(self) -> None:
        """Let collectives of the loader reach the children of the other ranks."""
        if self.connection is not None:
            join_group_of_children(
                self.connection, "children", self.rank, self.world_size, self.seconds
            )

    def before_epoch(self, epoch: int) -> None:
        """Do as accelerate's ``DataLoaderShard.__iter__`` does first."""
        loader = self.loader
        if not any(c.__name__ == "DataLoaderShard" for c in type(loader).__mro__):
            return
        held = loader.__dict__
        types = {getattr(kind, "value", kind) for kind in held.get("rng_types") or ()}
        if "generator" in types and held.get("synchronized_generator") is not None:
            _take_state_of_rank_0(held["synchronized_generator"])
        if "torch" in types:
            _take_state_of_rank_0(torch.default_generator)
        loader.set_epoch(held.get("iteration", 0) + epoch)


def _take_state_of_rank_0(generator: torch.Generator) -> None:
    state = generator.get_state()
    dist.broadcast(state, 0)
    generator.set_state(state)


def audit_with_all_ranks(
    meeting: Meeting,
    prepare: Callable[[], Callable[[float], Examined]],
    *,
    expect: Expect,
    checks: Collection[str] | None,
    time_limit: float,
) -> Outcome:
    """Examine this rank's loader, and judge the loaders of all ranks together.

    Parameters
    ----------
    meeting : Meeting
        The meeting of all ranks.
    prepare : callable
        Makes the loader of this rank and returns a function that examines the loader
        within a number of seconds.
    expect : Expect
        The user's expectations.
    checks : collection of str or None
        Slugs to report on; None for all.
    time_limit : float
        Seconds for each rank's loader.

    Returns
    -------
    Outcome
        The findings about all ranks.

    Raises
    ------
    RankError
        If a rank could not read its loader, or gave no answer. The message names it.
    TypeError, ValueError
        If an argument cannot be used on this rank.
    """
    deadline = time.monotonic() + time_limit
    rank, world_size = meeting.rank, meeting.world_size
    examined = failure = None
    ready = False
    try:
        examine = prepare()
        meeting.publish(f"ready/{rank}", b"1")
        # Children that wait for those of a rank without a loader would use up the time.
        ready = _all_are_ready(meeting, deadline)
        if ready:
            examined = examine(max(1.0, deadline - time.monotonic()))
            header = header_of(
                examined.seen,
                examined.fixed,
                rank=rank,
                world_size=world_size,
                findings=examined.judgement.findings,
            )
            meeting.publish(f"header/{rank}", b"H" + pack(header))
    except BaseException as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        meeting.publish(f"header/{rank}", b"E" + text.encode())
        meeting.publish(f"ready/{rank}", b"0")
        if not isinstance(error, Exception):
            raise
        failure = error
    ranks = None
    if rank == 0:
        if ready:
            own = None if examined is None else examined.judgement
            last = deadline + _SECONDS_FOR_HEADERS
            ranks, outcome = conclude(meeting, last, expect, checks, own)
        else:
            outcome = "error", _say_who_is_not_ready(meeting)
        meeting.publish("report", pickle.dumps(outcome))
    answer = meeting.read("report", deadline + _SECONDS_FOR_REPORT)
    everyone = range(world_size)
    meeting.leave([f"{name}/{r}" for name in ("ready", "header") for r in everyone])
    if isinstance(failure, (TypeError, ValueError)):
        raise failure
    if answer is None:
        msg = (
            f"rank 0 sent no report within {time_limit + _SECONDS_FOR_REPORT:g} seconds: "
            "it died, or its loader waits. ranks=False audits a rank alone"
        )
        raise RankError(msg) from failure
    kind, content = pickle.loads(answer)
    if kind == "error" or examined is None:
        raise RankError(content) from failure
    findings, checked, skipped, untold, incomplete = content
    judgement = Judgement(
        tuple(Finding(*one) for one in findings), tuple(checked), skipped, untold
    )
    return Outcome(judgement, examined.seen, incomplete, ranks)


def _all_are_ready(meeting: Meeting, deadline: float) -> bool:
    """Return whether all ranks have a loader, as soon as that is known."""
    for rank in range(meeting.world_size):
        if meeting.read(f"ready/{rank}", deadline) != b"1":
            return False
    return True


def conclude(
    meeting: Meeting,
    deadline: float,
    expect: Expect,
    checks: Collection[str] | None,
    own: Judgement | None,
) -> tuple[Ranks | None, tuple[str, Any]]:
    """Collect all headers and judge them; this is the work of rank 0.

    Parameters
    ----------
    meeting : Meeting
        The meeting of all ranks.
    deadline : float
        Value of ``time.monotonic()`` at which rank 0 stops waiting for headers.
    expect : Expect
        The user's expectations.
    checks : collection of str or None
        Slugs to report on; None for all.
    own : dejabatch.checks.Judgement or None
        The judgement about rank 0 alone; None if there is none.

    Returns
    -------
    ranks : Ranks or None
        The headers; None if a rank failed.
    outcome : tuple
        ``"judged"`` with the findings, or ``"error"`` with a text.
    """
    headers: list[Header] = []
    errors: dict[int, str] = {}
    silent: list[int] = []
    for rank in range(meeting.world_size):
        sent = meeting.read(f"header/{rank}", deadline)
        if sent is None:
            silent.append(rank)
        elif sent[:1] == b"E":
            errors[rank] = sent[1:].decode()
        else:
            headers.append(unpack(sent[1:]))
    if errors or silent or own is None:
        return None, ("error", _say_failures(errors, silent))
    ranks = Ranks(tuple(headers), expect)
    try:
        judgement = judge_ranks(ranks, own, checks)
    except Exception:  # noqa: BLE001 - no rank may wait for a report in vain
        text = f"the ranks could not be judged\n{traceback.format_exc()}"
        return None, ("error", text)
    findings = [astuple(finding) for finding in judgement.findings]
    skipped, untold = dict(judgement.skipped), dict(judgement.untold)
    incomplete = {h.rank: h.incomplete for h in headers if h.incomplete}
    content = findings, judgement.checked, skipped, untold, incomplete
    return ranks, ("judged", content)


def _say_who_is_not_ready(meeting: Meeting) -> str:
    ready = {r: meeting.read(f"ready/{r}", 0.0) for r in range(meeting.world_size)}
    errors = {
        rank: (meeting.read(f"header/{rank}", 0.0) or b"E")[1:].decode()
        for rank, state in ready.items()
        if state == b"0"
    }
    silent = [rank for rank, state in ready.items() if state is None]
    # A rank that raised explains the end; the others may be making their loaders.
    return _say_failures(errors, [] if errors else silent)


def _say_failures(errors: Mapping[int, str], silent: Sequence[int]) -> str:
    lines = [f"rank {rank}: {text}" for rank, text in list(errors.items())[:3]]
    if len(errors) > 3:
        lines.append(f"{say_ranks(list(errors))} raised errors")
    if silent:
        lines.append(
            f"{say_ranks(silent)} sent nothing in time: a loader waits, or a rank died"
        )
    lines.append("ranks=False audits a rank alone")
    return "\n".join(lines)


def judge_ranks(
    ranks: Ranks, own: Judgement, checks: Collection[str] | None = None
) -> Judgement:
    """Return what was found between ranks, and what was found on single ranks.

    Parameters
    ----------
    ranks : Ranks
        The headers of all ranks.
    own : dejabatch.checks.Judgement
        The judgement about rank 0 alone.
    checks : collection of str, optional
        Slugs to report on.

    Returns
    -------
    dejabatch.checks.Judgement
        The most severe findings first, those between ranks before the others.
    """
    between = judge(ranks, RANK_CHECKS, checks)
    known = {finding.slug for finding in between.findings}
    single: dict[str, tuple[Finding, list[int]]] = {}
    for header in ranks:
        for finding in header.findings:
            single.setdefault(finding.slug, (finding, []))[1].append(header.rank)
    # The findings of this rank are complete; those in headers are shortened.
    in_full = {finding.slug: finding for finding in own.findings}
    findings = [*between.findings]
    for slug, (finding, owners) in single.items():
        if slug in known:
            continue
        full = in_full.get(slug, finding)
        if len(owners) < len(ranks):
            evidence = f"{say_ranks(owners)}: {full.evidence}"
            full = replace(full, evidence=evidence)
        findings.append(full)
    findings.sort(key=lambda finding: -SEVERITIES.index(finding.severity))
    checked = dict.fromkeys([*between.checked, *own.checked])
    skipped = {
        slug: reason
        for slug, reason in {**own.skipped, **between.skipped}.items()
        if slug not in checked
    }
    # Every rank makes its loader once, so that passing a function shows no more.
    untold = {
        slug: reason
        for slug, reason in {**own.untold, **between.untold}.items()
        if slug in skipped and FUNCTION not in reason
    }
    return Judgement(tuple(findings), tuple(checked), skipped, untold)
