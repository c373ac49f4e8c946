"""Slow tests that have passed, and the state of their inputs at that time.

``nox -s tests`` runs a slow test only if its inputs have changed since the test passed.
``nox -s tests -- -m slow`` runs all slow tests. Both write the record; without a record,
only the latter runs slow tests.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path

import pytest

RECORD = Path(__file__).with_name("green_runs.json")
PROPERTY = "inputs"
ROOT = Path(__file__).resolve().parent.parent

# For builds of small Sphinx projects, which take ten seconds or more each.
slow_build = pytest.mark.slow(
    "docs/_ext", "docs/_templates", "docs/conf.py", "docs/figures.mplstyle"
)

# For tests that cross the whole audit with loaders, worker counts and start methods.
slow_audit = pytest.mark.slow(
    *(f"src/dejabatch/{part}" for part in ("observe", "state", "evidence", "checks"))
)

# For tests that start several ranks and audit many loaders in them.
slow_ranks = pytest.mark.slow(
    *(
        f"src/dejabatch/{part}"
        for part in ("distributed", "evidence", "checks", "observe", "splits.py")
    ),
    "tests/distributed",
)

# For tests that resume the training programs of other libraries.
slow_resume = pytest.mark.slow(
    "src/dejabatch/testing",
    "docs/recipes/per_sample.py",
    "docs/recipes/resume.py",
    "docs/reference/resuming",
)


def read() -> dict[str, str]:
    """Return the digests of inputs by test."""
    return json.loads(RECORD.read_text()) if RECORD.is_file() else {}


def digest(item: pytest.Item) -> str:
    """Digest a test's function, its parameters that are paths, and its marker's paths.

    A path in the marker is relative to the repository. Every file in a folder is an
    input, except what Python writes.
    """
    marker = item.get_closest_marker("slow")
    parameters = getattr(item, "callspec", None)
    values = [] if parameters is None else parameters.params.values()
    paths = [
        *(ROOT / path for path in marker.args),
        *(value for value in values if isinstance(value, Path)),
    ]
    files = [
        file
        for path in paths
        for file in (sorted(path.rglob("*.*")) if path.is_dir() else [path])
        if file.is_file() and file.suffix != ".pyc"
    ]
    content = hashlib.sha256(inspect.getsource(item.function).encode())
    for file in files:
        content.update(file.read_bytes())
    return content.hexdigest()[:16]


class Recorder:
    """Write the record at the end of a run; a run of all slow tests begins one."""

    def __init__(self, *, all_slow_tests: bool) -> None:
        self._all = all_slow_tests
        self._passed: dict[str, str] = {}
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a slow test that passed, or that failed."""
        inputs = dict(report.user_properties).get(PROPERTY)
        if inputs and report.when == "call" and report.passed:
            self._passed[report.nodeid] = inputs
        elif inputs and report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Add the tests that passed to the record, and drop the tests that failed."""
        if not (RECORD.is_file() or self._all):
            return
        found = read() | self._passed
        for nodeid in self._failed:
            found.pop(nodeid, None)
        if found == read():
            return
        RECORD.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")
