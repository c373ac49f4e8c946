"""Everything that is done to see a loader, in order and within a time limit."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable
from typing import Any

from dejabatch.observe.experiments import ask_again as intervene
from dejabatch.observe.experiments.set_epoch import unheard
from dejabatch.observe.record import Observation
from dejabatch.observe.spy import observe

# Of the time limit, to read the epochs. The rest is for making samples again.
_READING = 0.6


def look(
    make_loader: Callable[[], Any],
    *,
    epochs: int,
    max_batches: int,
    time_limit: float,
    show: Callable[[str], object] = lambda _: None,
) -> Observation:
    """Read a loader's epochs, then ask its dataset for single samples.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in processes of their own.
    epochs, max_batches : int
        How many epochs to read, and how many batches of each.
    time_limit : float
        Seconds after which the look ends with what was seen so far.
    show : callable, optional
        Called with what is going on.

    Returns
    -------
    dejabatch.observe.record.Observation
        What was seen.

    Raises
    ------
    RuntimeError
        If the loader gave not a single batch because it raised or took too long.
    """
    deadline = time.monotonic() + time_limit
    show("reading")
    seen = observe(
        make_loader,
        epochs=epochs,
        max_batches=max_batches,
        time_limit=time_limit * _READING,
    )
    if not seen.fetches:
        if seen.out_of_time:
            msg = f"loader: it gave no batch within {time_limit * _READING:g} seconds; "
            msg += f"raise time_limit, which is {time_limit:g}"
            raise RuntimeError(msg)
        if seen.error is not None and not _explains_errors(seen):
            msg = f"loader: it could not be read.\n{seen.error}"
            raise RuntimeError(msg)
    facts = seen.facts
    if facts is None or not facts.data_loader:
        return seen
    show("asking again")
    if left := _left(deadline):
        answers = intervene.ask(make_loader, seen, time_limit=left / 2)
        seen = dataclasses.replace(seen, answers=answers)
    # What the generators explain that are Python objects needs no further look.
    answers = seen.answers
    unexplained = answers is not None and (
        answers.changes_by_itself or "cv2" in answers.depends_on
    )
    if (unexplained or not facts.map_style) and (left := _left(deadline)):
        replayed = intervene.replay(make_loader, seen, time_limit=left / 2)
        seen = dataclasses.replace(seen, replay=replayed)
    if facts.persistent_workers and (left := _left(deadline)):
        restarted = intervene.restart(make_loader, seen, time_limit=left / 2)
        seen = dataclasses.replace(seen, restarted=restarted)
    if facts.persistent_workers and (left := _left(deadline)):
        stale = unheard(make_loader, time_limit=left / 2)
        seen = dataclasses.replace(seen, unheard=stale)
    return seen


def refuse_bad_limits(epochs: Any, max_batches: Any, time_limit: Any) -> None:
    """Raise if `look` could not work so.

    Raises
    ------
    ValueError
        If an argument cannot be used. The message names it.
    RuntimeError
        On systems that cannot fork.
    """
    for name, value in {"epochs": epochs, "max_batches": max_batches}.items():
        if not isinstance(value, int) or value < 1:
            msg = f"{name} must be an integer of at least 1, not {value!r}"
            raise ValueError(msg)
    if not time_limit > 0:
        msg = f"time_limit must be a number of seconds above 0, not {time_limit!r}"
        raise ValueError(msg)
    if "fork" not in multiprocessing.get_all_start_methods():
        msg = "the loader is read in a forked process, which this system cannot make"
        raise RuntimeError(msg)


def _explains_errors(seen: Observation) -> bool:
    """Tell whether something was seen by which the very first batch may fail."""
    misread = seen.facts is not None and seen.facts.misread is not None
    return misread or any(end.moved for end in seen.ends)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
