"""The whole way from a loader to a report."""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
from torch.utils.data import DataLoader
from tqdm import tqdm

from dejabatch.checks import CHECKS
from dejabatch.observe import intervene, rng
from dejabatch.observe.adapters import unwrap
from dejabatch.observe.isolate import SharedMemory
from dejabatch.observe.record import Expect, Observation
from dejabatch.observe.spy import observe
from dejabatch.report import CannotTell, Finding, Report

# Of the time limit, to read the epochs. The rest is for making samples again.
_READING = 0.6


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
    """
    _refuse_bad_arguments(loader, epochs, max_batches, time_limit, expect, checks)
    deadline = time.monotonic() + time_limit
    is_factory = _is_factory(loader)

    def make() -> Any:
        return unwrap(loader() if is_factory else loader)  # type: ignore[operator]

    shared = SharedMemory({} if is_factory else {"loader": loader})
    try:
        with _Progress(progress) as show:
            seen = _look(make, epochs, max_batches, time_limit, show)
            if is_factory and seen.facts is not None:
                show("making it again")
                seen = _make_again(make, seen, max_batches, deadline)
    finally:
        shared.restore()
    seen = dataclasses.replace(seen, expect=expect or Expect())
    return _judge(seen, CHECKS.keys() if checks is None else checks)


def _look(
    make: Callable[[], Any],
    epochs: int,
    max_batches: int,
    time_limit: float,
    show: Callable[[str], object],
) -> Observation:
    """Read the epochs, then ask for single samples."""
    deadline = time.monotonic() + time_limit
    show("reading")
    seen = observe(
        make, epochs=epochs, max_batches=max_batches, time_limit=time_limit * _READING
    )
    if not seen.fetches:
        if seen.out_of_time:
            msg = f"loader: it gave no batch within time_limit={time_limit:g} seconds"
            raise RuntimeError(msg)
        if seen.error is not None:
            msg = f"loader: it could not be read.\n{seen.error}"
            raise RuntimeError(msg)
    show("asking again")
    return _ask_again(make, seen, deadline)


def _ask_again(
    make: Callable[[], Any], seen: Observation, deadline: float
) -> Observation:
    """Add what the dataset gives when it is asked for the same sample again."""
    facts = seen.facts
    if facts is None or not facts.data_loader or not _left(deadline):
        return seen
    answers = intervene.ask(make, seen, time_limit=_left(deadline) / 2)
    seen = dataclasses.replace(seen, answers=answers)
    # What a map-style dataset's generators explain needs no further look.
    varies = answers is not None and answers.changes_by_itself
    if (varies or not facts.map_style) and _left(deadline):
        replayed = intervene.replay(make, seen, time_limit=_left(deadline) / 2)
        seen = dataclasses.replace(seen, replay=replayed)
    return seen


def _make_again(
    make: Callable[[], Any], seen: Observation, max_batches: int, deadline: float
) -> Observation:
    """Add what the loader looks like that the same function makes another time."""

    def make_elsewhere() -> Any:
        # As in another run of the program: nothing but a seed makes them alike.
        for number, generator in enumerate(rng.global_rngs().values()):
            rng.reseed(generator, np.random.SeedSequence([1, number]))
        return make()

    if not _left(deadline):
        return seen
    rebuilt = observe(
        make_elsewhere, epochs=1, max_batches=max_batches, time_limit=_left(deadline)
    )
    return dataclasses.replace(seen, rebuilt=rebuilt)


def _is_factory(loader: object) -> bool:
    return callable(loader) and not isinstance(loader, Iterable)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _judge(seen: Observation, slugs: Collection[str]) -> Report:
    findings: list[Finding] = []
    checked: list[str] = []
    skipped: dict[str, str] = {}
    for slug, check in CHECKS.items():
        if slug not in slugs:
            continue
        try:
            finding = check(seen)
        except CannotTell as reason:
            skipped[slug] = str(reason)
            continue
        checked.append(slug)
        if finding is not None:
            findings.append(finding)
    findings.sort(key=lambda f: ("error", "warning", "note").index(f.severity))
    return Report(tuple(findings), tuple(checked), skipped, seen)


class _Progress:
    """A line on the terminal that says what is going on."""

    def __init__(self, wanted: bool | None) -> None:
        # None stands for "on a terminal only", for tqdm, too.
        self._bar = tqdm(
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


def _refuse_bad_arguments(
    loader: Any,
    epochs: Any,
    max_batches: Any,
    time_limit: float,
    expect: Any,
    checks: Any,
) -> None:
    if not _is_factory(loader):
        unwrap(loader)
    for name, value in {"epochs": epochs, "max_batches": max_batches}.items():
        if not isinstance(value, int) or value < 1:
            msg = f"{name} must be an integer of at least 1, not {value!r}"
            raise ValueError(msg)
    if not time_limit > 0:
        msg = f"time_limit must be a number of seconds above 0, not {time_limit!r}"
        raise ValueError(msg)
    if expect is not None and not isinstance(expect, Expect):
        msg = f"expect must be a dejabatch.Expect, not {expect!r}"
        raise TypeError(msg)
    if unknown := set(checks or ()) - CHECKS.keys():
        msg = (
            f"checks: {', '.join(sorted(unknown))} cannot be detected; choose from "
            f"{', '.join(CHECKS)}"
        )
        raise ValueError(msg)
    if "fork" not in multiprocessing.get_all_start_methods():
        msg = (
            "audit reads the loader in a forked process, which this system cannot make"
        )
        raise RuntimeError(msg)
