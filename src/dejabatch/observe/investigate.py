"""All that is done to observe a loader, in order and within a time limit."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import Any

from dejabatch.observe.children import can_fork
from dejabatch.observe.experiments.ask_again import ask
from dejabatch.observe.experiments.delivered import (
    Begun,
    begun_twice,
    delivered,
    delivered_copies,
)
from dejabatch.observe.experiments.made_again import made_again
from dejabatch.observe.experiments.new_workers import new_workers
from dejabatch.observe.experiments.own_loader import ask_own_loader
from dejabatch.observe.experiments.resemblance import resemblance
from dejabatch.observe.experiments.same_work import same_work
from dejabatch.observe.experiments.set_epoch import unseen_by_workers
from dejabatch.observe.experiments.whole_stream import whole_stream
from dejabatch.observe.record import Observation
from dejabatch.observe.spy import Program, observe

# Share of time_limit for reading epochs; experiments get the rest.
_READING = 0.6


def investigate(
    make_loader: Callable[[], Any],
    *,
    epochs: int,
    max_batches: int,
    time_limit: float,
    make_again: bool = False,
    make_outer: Callable[[], Iterable[Any]] | None = None,
    show: Callable[[str], object] = lambda _: None,
    program: Program | None = None,
) -> Observation:
    """Read a loader's epochs, then make experiments with its dataset.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in processes of their own.
    epochs, max_batches : int
        How many epochs to read, and how many batches of each.
    time_limit : float
        Seconds after which the investigation ends with what was observed so far.
    make_again : bool
        Whether `make_loader` makes a new loader each time, which is then compared.
    make_outer : callable, optional
        Returns what the program iterates, where this is a wrapper of the loader or may
        have an ``__iter__`` of its own.
    show : callable, optional
        Called with what is going on.
    program : dejabatch.observe.spy.Program, optional
        The steps of the program before it reads the loader.

    Returns
    -------
    dejabatch.observe.record.Observation
        The observation.

    Raises
    ------
    RuntimeError
        If the loader gave not a single batch because it raised or took too long.
    """
    deadline = time.monotonic() + time_limit
    show("reading")
    limits = {"epochs": epochs, "max_batches": max_batches}
    reading = time_limit * _READING
    seen = observe(make_loader, **limits, time_limit=reading, program=program)
    facts = seen.facts
    raised = seen.ended is not None and seen.ended.reason == "raised"
    if raised and not seen.fetches and facts is not None and facts.own_iter:
        make_loader = Begun(make_loader, make_outer)
        left = max(reading - (time_limit - _seconds_until(deadline)), 0.0)
        begun = observe(make_loader, **limits, time_limit=left, program=program)
        seen = begun if begun.fetches else seen
    _require_batches(seen, time_limit)
    if facts is not None and facts.data_loader:
        show("asking again")
        # A sampler that broadcasts would wait for those of the other ranks.
        alone = program is None
        seen = _experiment(make_loader, make_outer, seen, deadline, ask_sampler=alone)
    elif left := _seconds_until(deadline):
        answers = ask_own_loader(
            make_loader, max_batches=max_batches, time_limit=left / 2
        )
        seen = dataclasses.replace(seen, answers=answers)
    if make_outer is not None and facts is not None and facts.own_iter:
        show("reading as your program does")
        seen = _read_as_program(make_outer, seen, deadline, **limits)
    if make_again and (left := _seconds_until(deadline)):
        show("making it again")
        rebuilt = made_again(make_loader, max_batches=max_batches, time_limit=left)
        seen = dataclasses.replace(seen, rebuilt=rebuilt)
    if seen.rebuilt is not None and (left := _seconds_until(deadline)):
        resembling = resemblance(make_loader, seen, time_limit=left)
        seen = dataclasses.replace(seen, resembling=resembling)
    return seen


def validate_limits(epochs: Any, max_batches: Any, time_limit: Any) -> None:
    """Validate the limits of an investigation.

    Raises
    ------
    ValueError
        If an argument cannot be used. The message names it.
    """
    for name, value in {"epochs": epochs, "max_batches": max_batches}.items():
        if not isinstance(value, int) or value < 1:
            msg = f"{name} must be an integer of at least 1, not {value!r}"
            raise ValueError(msg)
    if not time_limit > 0:
        msg = f"time_limit must be a number of seconds above 0, not {time_limit!r}"
        raise ValueError(msg)


def validate_method(method: object) -> None:
    """Validate how to start the processes that read a loader.

    Raises
    ------
    ValueError
        If the system cannot start a process in this way.
    """
    if method not in {None, "fork", "spawn"}:
        msg = f"method must be 'fork', 'spawn' or None, not {method!r}"
        raise ValueError(msg)
    if method == "fork" and not can_fork():
        msg = "method: this system cannot fork; use 'spawn'"
        raise ValueError(msg)


def _experiment(
    make_loader: Callable[[], Any],
    make_outer: Callable[[], Iterable[Any]] | None,
    seen: Observation,
    deadline: float,
    *,
    ask_sampler: bool,
) -> Observation:
    """Add the answers of all experiments for which there is time and reason."""
    facts = seen.facts
    assert facts is not None
    if left := _seconds_until(deadline):
        answers, draws = ask(
            make_loader, seen, time_limit=left / 2, ask_sampler=ask_sampler
        )
        seen = dataclasses.replace(seen, answers=answers, draws=draws)
    # Generators that are Python objects explain the rest without this experiment.
    answers = seen.answers
    unexplained = answers is not None and (
        answers.changes_by_itself or "cv2" in answers.depends_on
    )
    if (unexplained or not facts.map_style) and (left := _seconds_until(deadline)):
        replay = same_work(make_loader, seen, time_limit=left / 2)
        seen = dataclasses.replace(seen, replay=replay)
    if not facts.map_style and (left := _seconds_until(deadline)):
        whole = whole_stream(make_loader, seen, time_limit=left / 2)
        seen = dataclasses.replace(seen, whole_stream=whole)
    if facts.persistent_workers and (left := _seconds_until(deadline)):
        restarted = new_workers(make_loader, seen, time_limit=left / 2)
        seen = dataclasses.replace(seen, restarted=restarted)
    if facts.persistent_workers and (left := _seconds_until(deadline)):
        outer = make_outer if facts.own_iter else None
        unseen = unseen_by_workers(make_loader, outer, time_limit=left / 2)
        seen = dataclasses.replace(seen, unseen_by_workers=unseen)
    return seen


def _read_as_program(
    make_outer: Callable[[], Iterable[Any]],
    seen: Observation,
    deadline: float,
    *,
    epochs: int,
    max_batches: int,
) -> Observation:
    """Add what the loader's own ``__iter__`` delivers."""
    if left := _seconds_until(deadline):
        batches = delivered(
            make_outer, epochs=epochs, max_batches=max_batches, time_limit=left / 2
        )
        seen = dataclasses.replace(seen, delivered=batches)
    index = None if seen.answers is None else seen.answers.index
    if index is not None and (left := _seconds_until(deadline)):
        copies = delivered_copies(make_outer, index, time_limit=left / 2)
        seen = dataclasses.replace(seen, delivered_copies=copies)
    if index is not None and (left := _seconds_until(deadline)):
        begun = begun_twice(make_outer, time_limit=left / 2)
        seen = dataclasses.replace(seen, begun_twice=begun)
    return seen


def _require_batches(seen: Observation, time_limit: float) -> None:
    if seen.fetches:
        return
    if seen.out_of_time:
        msg = (
            f"loader: no batch came within {time_limit * _READING:g} seconds; raise "
            f"time_limit, which is {time_limit:g}"
        )
        if seen.ended is not None and seen.ended.waiting_at:
            msg += f". The loader was waiting at {seen.ended.waiting_at[-1]}"
        raise RuntimeError(msg)
    if "CUDA in forked subprocess" in (seen.error or ""):
        msg = (
            "loader: the dataset uses CUDA, which a forked copy of this process cannot "
            "use. Write a function that makes the loader and all that it needs, and "
            "pass the function: audit(make_loader)"
        )
        raise RuntimeError(msg)
    if seen.error is not None and not _explains_an_error(seen):
        msg = f"loader: it could not be read.\n{seen.error}"
        raise RuntimeError(msg)


def _explains_an_error(seen: Observation) -> bool:
    """Return whether a check will name the reason why the first batch failed."""
    out_of_range = any(
        len(subset.indices) and subset.indices.max() >= len(subset.inner_indices)
        for subset in seen.nested_subsets
    )
    return out_of_range or any(end.moved_files for end in seen.ends)


def _seconds_until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
