"""Read what the probes measured by library and release, for the templates of the site.

``results.json`` has the newest releases of many libraries. ``releases.json`` has series of
releases of a few. A build runs the probes of the series with its own libraries and fails
if the answers contradict the stored ones.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from by_version import (
    Behaviour,
    behaviours_in,
    contradictions,
    number,
    spans,
    word,
)
from measure_library_releases import (
    RELEASES,
    RESULTS,
    NotRun,
    run_probes,
)
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from dejabatch.catalogue import FAILURE_MODES

HERE = Path(__file__).parent
NEWEST = HERE / "results.json"
PROBE_FILES = tuple(sorted((HERE / "probes").glob("of_*.py")))
FILES = (Path(__file__), *PROBE_FILES, RESULTS, NEWEST)
"""Sources of the page; a change makes a build read it again."""
NAMES = {
    "torchdata": "torchdata",
    "torchvision": "torchvision",
    "albumentations": "albumentations",
    "albumentationsx": "AlbumentationsX",
    "monai": "MONAI",
    "datasets": "Hugging Face datasets",
    "accelerate": "Accelerate",
    "lightning": "Lightning",
    "ultralytics": "Ultralytics YOLO",
}
"""The name of each distribution with a series of releases."""

Run = dict[str, Any]


class Row(NamedTuple):
    """One behaviour of one library over its releases."""

    library: str
    behaviour: Behaviour
    releases: dict[str, str]
    """The releases for each answer, "yes", "no" or "not run"."""


@cache
def runs() -> tuple[Run, ...]:
    """Return the stored runs, each library's oldest release first."""
    return tuple(json.loads(RESULTS.read_text(encoding="utf-8"))["runs"])


@cache
def behaviours() -> dict[str, Behaviour]:
    """Return the probes of all libraries by name."""
    return {behaviour.name: behaviour for behaviour in behaviours_in(PROBE_FILES)}


def rows() -> list[Row]:
    """Return the behaviours of all libraries, in the order of the libraries."""
    found = []
    for library in NAMES:
        measured = _measured(library)
        for name in _names(library):
            said = {word(run, [name]) for run in measured}
            by_answer = {answer: _spans(library, [name], answer) for answer in said}
            found.append(Row(library, behaviours()[name], by_answer))
    return found


def versions_in_libraries(slug: str) -> str:
    """Return the libraries and releases with a failure, or ""."""
    found = []
    for library, said in NAMES.items():
        names = {n for n in _names(library) if behaviours()[n].slug == slug}
        if present := _spans(library, names, "yes"):
            found.append(f"{said} {present}")
    return "; ".join(found)


def _measured(library: str) -> list[Run]:
    return [run for run in runs() if run["library"] == library and "results" in run]


def _names(library: str) -> list[str]:
    """Return the probes of a library, as its newest measured release answered them."""
    return [name for run in _measured(library)[-1:] for name in run["results"]]


def _spans(library: str, names: Iterable[str], answer: str) -> str:
    """Return the releases that gave an answer to one of some probes."""
    measured = _measured(library)
    chosen = [run["version"] for run in measured if word(run, names) == answer]
    return spans(chosen, [run["version"] for run in measured])


@cache
def this_build() -> dict[str, Run]:
    """Return what the installed libraries answer, and fail if that is not as stored."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            here = run_probes(sys.executable, Path(scratch))
        except NotRun as reason:
            msg = f"the probes of libraries failed: {reason}"
            raise ExtensionError(msg) from None
    found = [text for run in here for text in _contradicted(run)]
    if found:
        msg = (
            "this build contradicts docs/evidence/libraries/releases.json: run "
            "nox -s library_releases"
        )
        raise ExtensionError("\n".join([msg, *found]))
    return {run["library"]: run for run in here}


def _contradicted(run: Run) -> list[str]:
    """Return how a run differs from the newest stored release up to its own."""
    library = run["library"]
    if "results" not in run:
        return [f"{library} {run['version']}: {run['not_run']}"]
    older = [
        stored
        for stored in _measured(library)
        if stored["system"] == run["system"]
        and number(stored["version"]) <= number(run["version"])
    ]
    if not older:
        return []
    # A stored release that lacks what a probe needs says nothing about later releases.
    answered = {
        name: answers
        for name, answers in older[-1]["results"].items()
        if answers["any"][0] is not None
    }
    return contradictions(run, {**older[-1], "results": answered}, library)


def releases(env: BuildEnvironment) -> dict[str, Any]:
    """Return the data of the table, which a build reads again when a file changes."""
    for file in FILES:
        env.note_dependency(str(file))
    executes = env.config.sphinx_gallery_conf["plot_gallery"]
    return {
        "names": NAMES,
        "rows": rows(),
        "here": this_build() if executes else {},
        "executes": executes,
        "word": word,
        "modes": FAILURE_MODES,
        "not_run": [run for run in runs() if "results" not in run],
        "not_measured": not_measured(),
    }


def not_measured() -> dict[str, list[str]]:
    """Return the releases of each library that no run has tried, by its name."""
    tried = {(run["library"], run["version"]) for run in runs()}
    missing = {
        NAMES[library]: [v for v in versions if (library, v) not in tried]
        for library, versions in RELEASES.items()
    }
    return {name: versions for name, versions in missing.items() if versions}


def repeats(measured: Run) -> str:
    """Return where a library's random numbers repeat, or "no".

    Two crops of an image are equal by chance now and then, so half must be equal.
    """
    pairs = {"workers": 4, "epochs": 8}
    found = [p for p, n in pairs.items() if 2 * measured[f"{p}_equal"] >= n]
    return " and ".join(found) or "no"


def libraries(env: BuildEnvironment) -> dict[str, Any]:
    """Return the measurements of the newest releases by requirement."""
    env.note_dependency(str(NEWEST))
    return json.loads(NEWEST.read_text(encoding="utf-8"))


GLOBALS = {
    "libraries": libraries,
    "library_releases": releases,
    "repeats": repeats,
    "versions_in_libraries": versions_in_libraries,
}
"""Functions for the templates."""
