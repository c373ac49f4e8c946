"""Read what the probes measured by release, for the templates of the site.

``results/<system>.json`` has the runs. The probes' files have the sentences. A build runs
the probes with its own torch and fails if the answers contradict the stored ones.
"""

from __future__ import annotations

import ast
import json
import multiprocessing
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from measure_releases import HERE, RESULTS, number, run_probes
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from dejabatch.catalogue import FAILURE_MODES

PROBE_FILES = (
    HERE / "probes" / "random_numbers.py",
    HERE / "probes" / "samples_and_order.py",
)
FILES = (Path(__file__), *PROBE_FILES, *sorted(RESULTS.glob("*.json")))
"""Sources of the pages; a change makes a build read all pages again."""
MAIN_SYSTEM = "Linux x86_64"
"""The system of the rows that a failure's page shows."""

IN_DATASET = "numpy-generator-of-dataset-is-equal-in-workers"
TRUE_IF = {
    "Every worker starts Python's random with the same seed": (
        "python-random-is-equal-in-workers"
    ),
    "NumPy draws the same numbers in all workers": "numpy-is-equal-in-workers",
    "Python's random and torchvision repeat in all workers, too": (
        "python-random-is-equal-in-workers"
    ),
    "Fork is the default on Linux": "fork-is-the-default",
    "Persistent workers replay the same random numbers": (
        "persistent-workers-replay-torch"
    ),
}
"""Claims of the site, and the probe whose statement makes each claim true."""
FALSE_IF = {
    "PyTorch 1.9 fixed duplicate random numbers in workers": IN_DATASET,
    "default_rng() instead of np.random makes workers differ": IN_DATASET,
    "With spawn, each worker has a different generator": IN_DATASET,
    "A new torch.Generator() is random": "new-torch-generators-are-equal",
    "Without shuffle and workers, a loader draws no random numbers": (
        "iterating-without-shuffle-draws-a-number"
    ),
    "val_subset.transform = ... changes the transform": "subset-ignores-its-transform",
    "DistributedSampler never adds samples": "distributed-sampler-repeats-samples",
    "torch warns if workers read an IterableDataset twice": (
        "each-worker-reads-the-whole-stream"
    ),
}
"""Claims of the site, and the probe whose statement makes each claim false."""
UNDER = {"With spawn, each worker has a different generator": "spawn"}
"""The start method that a claim is about."""

Run = dict[str, Any]


class Behaviour(NamedTuple):
    """A probe as its source file describes it."""

    name: str
    statement: str
    slug: str | None


@cache
def behaviours() -> tuple[Behaviour, ...]:
    """Return the probes of torch in their order."""
    return tuple(behaviours_in(PROBE_FILES))


def behaviours_in(files: Iterable[Path]) -> list[Behaviour]:
    """Return the probes of some files in their order, without importing a library."""
    found = []
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            for call in getattr(node, "decorator_list", ()):
                if ast.unparse(getattr(call, "func", call)) == "behaviour":
                    slug = ast.literal_eval(call.args[0]) if call.args else None
                    statement = " ".join(ast.get_docstring(node).split())
                    name = node.name.replace("_", "-")
                    found.append(Behaviour(name, statement, slug))
    return found


def runs() -> list[Run]:
    """Return the stored runs of all systems, the oldest torch first."""
    files = sorted(RESULTS.glob("*.json"))
    stored = [
        run for file in files for run in json.loads(file.read_text("utf-8"))["runs"]
    ]
    return sorted(stored, key=lambda run: (run["system"], number(run["torch"])))


def word(run: Run, names: Iterable[str], *, true: bool = True, only: str = "") -> str:
    """Return "yes", "no", the start methods with yes, or "not run".

    Yes means that the statement of one of these probes is `true`.
    """
    said: dict[str, bool] = {}
    for name in names:
        for method, (answer, _) in run.get("results", {}).get(name, {}).items():
            if answer is not None and only in ("", method):
                said[method] = said.get(method, False) or answer is true
    if not said:
        return "not run"
    # A probe without workers answers for every start method.
    if all(said.values()) or said.get("any"):
        return "yes"
    return ", ".join(method for method, yes in said.items() if yes) or "no"


def spans(chosen: Iterable[str], all_in_order: list[str]) -> str:
    """Return for example "1.8.1, 2.0.1 to 2.8.0"; neighbours stand in one span."""
    chosen = set(chosen)
    groups: list[list[str]] = [[]]
    for version in all_in_order:
        if version in chosen:
            groups[-1].append(version)
        elif groups[-1]:
            groups.append([])
    return ", ".join(
        group[0] if len(group) == 1 else f"{group[0]} to {group[-1]}"
        for group in groups
        if group
    )


def main_runs() -> list[Run]:
    """Return the runs of the main system that have results."""
    return [r for r in runs() if r["system"] == MAIN_SYSTEM and "results" in r]


def by_word(names: Iterable[str], **options: Any) -> dict[str, str]:
    """Return the releases of the main system for each answer of `word`."""
    names, said = list(names), {}
    for run in main_runs():
        said.setdefault(word(run, names, **options), []).append(run["torch"])
    said.pop("not run", None)
    order = [run["torch"] for run in main_runs()]
    return {answer: spans(versions, order) for answer, versions in said.items()}


def present(said: dict[str, str]) -> str:
    """Return the releases whose answer is not "no", with their start methods."""
    return "; ".join(
        versions if answer == "yes" else f"{versions} with {answer}"
        for answer, versions in said.items()
        if answer != "no"
    )


def versions_of(slug: str) -> str:
    """Return the releases with a failure and those without it, or ""."""
    said = by_word(b.name for b in behaviours() if b.slug == slug)
    if not said:
        return ""
    absent = f"absent in {said['no']}" if "no" in said else ""
    found = f"measured in torch {present(said)}" if present(said) else ""
    return ", ".join(filter(None, (found, absent)))


def versions_of_claim(claim: str) -> str:
    """Return the releases in which a claim is true, or "" for a claim without probe."""
    if (name := TRUE_IF.get(claim) or FALSE_IF.get(claim)) is None:
        return ""
    said = by_word([name], true=claim in TRUE_IF, only=UNDER.get(claim, ""))
    return present(said) or f"none of {said['no']}"


@cache
def this_build() -> Run:
    """Return what the probes answer here, and fail if a stored run contradicts them."""
    method = multiprocessing.get_all_start_methods()[0]
    run = run_probes(sys.executable, "--method", method)
    if "results" not in run:
        msg = f"the probes of torch releases failed: {run['not_run']}"
        raise ExtensionError(msg)
    stored = nearest(run)
    if stored and (found := contradictions(run, stored)):
        msg = (
            "this build contradicts docs/evidence/versions/results: run nox -s versions"
        )
        raise ExtensionError("\n".join([msg, *found]))
    return run


def nearest(run: Run) -> Run | None:
    """Return the stored run of the same system with the newest torch up to `run`'s."""
    same = [
        stored
        for stored in runs()
        if stored["system"] == run["system"]
        and "results" in stored
        and number(stored["torch"]) <= number(run["torch"].partition("+")[0])
    ]
    return same[-1] if same else None


def contradictions(run: Run, stored: Run, of: str = "torch") -> list[str]:
    """Return the statements on which two runs of one library disagree."""
    found, key = [], "torch" if of == "torch" else "version"
    for name, by_method in run["results"].items():
        known = stored["results"].get(name, {})
        for method, (answer, measured) in by_method.items():
            if method in known and known[method][0] != answer:
                found.append(
                    f"{name} ({method}): {of} {run[key]} says {answer}, "
                    f"{measured}; the stored {stored[key]} says "
                    f"{known[method][0]}, {known[method][1]}"
                )
    return found


def table(env: BuildEnvironment) -> dict[str, Any]:
    """Return the data of the page, which a build reads again when a file changes."""
    for file in FILES:
        env.note_dependency(str(file))
    executes = env.config.sphinx_gallery_conf["plot_gallery"]
    return {
        "behaviours": behaviours(),
        "runs": runs(),
        "main": [run for run in runs() if run["system"] == MAIN_SYSTEM],
        "here": this_build() if executes else None,
        "word": word,
        "modes": FAILURE_MODES,
        "claims": [*TRUE_IF, *FALSE_IF],
    }


GLOBALS = {
    "versions_of": versions_of,
    "versions_table": table,
    "versions_of_claim": versions_of_claim,
}
"""Functions for the templates."""
