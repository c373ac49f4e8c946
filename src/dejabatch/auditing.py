"""The whole way from a loader to a report."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Collection
from typing import Any

from torch.utils.data import DataLoader

from dejabatch.checks import CHECKS
from dejabatch.observe.adapters import unwrap
from dejabatch.observe.spy import observe
from dejabatch.report import CannotTell, Finding, Report


def audit(
    loader: DataLoader[Any] | Callable[[], DataLoader[Any]],
    *,
    epochs: int = 2,
    max_batches: int = 64,
    time_limit: float = 60.0,
    checks: Collection[str] | None = None,
) -> Report:
    """Name the failures in a DataLoader.

    The loader is read in a forked child process, so that nothing of it changes here: not
    its workers, its sampler, its dataset, nor any random state.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader or callable
        The loader, or a function without arguments that makes it. Loaders that
        accelerate, Lightning Fabric or webdataset made of a DataLoader will do, too.
    epochs : int
        How many epochs to read. With one, nothing can be said about repeated epochs.
    max_batches : int
        How many batches of each epoch to read.
    time_limit : float
        Seconds after which reading stops; the report is about what was seen until then.
    checks : collection of str, optional
        Slugs of the failure modes to look for; by default all that can be detected.

    Returns
    -------
    Report
        The findings, what was checked, and what could not be.

    Raises
    ------
    TypeError
        If `loader` is neither a DataLoader nor callable.
    ValueError
        If another argument cannot be used. The message names it.
    RuntimeError
        If the loader gave not a single batch because it, or the function that makes it,
        raised or took longer than `time_limit`; or on systems that cannot fork.
    """
    _refuse_bad_arguments(loader, epochs, max_batches, time_limit, checks)

    def make() -> DataLoader[Any]:
        return unwrap(loader() if callable(loader) else loader)

    observation = observe(
        make, epochs=epochs, max_batches=max_batches, time_limit=time_limit
    )
    if not observation.fetches:
        if observation.out_of_time:
            msg = f"loader: it gave no batch within time_limit={time_limit:g} seconds"
            raise RuntimeError(msg)
        if observation.error is not None:
            msg = f"loader: it could not be read.\n{observation.error}"
            raise RuntimeError(msg)

    findings: list[Finding] = []
    checked: list[str] = []
    skipped: dict[str, str] = {}
    for slug, check in CHECKS.items():
        if checks is not None and slug not in checks:
            continue
        try:
            finding = check(observation)
        except CannotTell as reason:
            skipped[slug] = str(reason)
            continue
        checked.append(slug)
        if finding is not None:
            findings.append(finding)
    findings.sort(key=lambda f: ("error", "warning", "note").index(f.severity))
    return Report(tuple(findings), tuple(checked), skipped, observation)


def _refuse_bad_arguments(
    loader: Any, epochs: Any, max_batches: Any, time_limit: float, checks: Any
) -> None:
    if not callable(loader):
        unwrap(loader)
    for name, value in {"epochs": epochs, "max_batches": max_batches}.items():
        if not isinstance(value, int) or value < 1:
            msg = f"{name} must be an integer of at least 1, not {value!r}"
            raise ValueError(msg)
    if not time_limit > 0:
        msg = f"time_limit must be a number of seconds above 0, not {time_limit!r}"
        raise ValueError(msg)
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
