"""Slow tests run again when their inputs change, and not before."""

import subprocess
import sys

import pytest
from conftest import ROOT

SOURCE = """
import pathlib

import pytest

PAGE = pathlib.Path(__file__).with_name("page.txt")


@pytest.mark.slow
@pytest.mark.parametrize("page", [PAGE], ids=["page"])
def test_page(page):
    assert page.read_text() != "broken"


@pytest.mark.slow
def test_other():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest with the project's hooks on one slow test of one page."""
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "green_runs.py"):
        (tmp_path / "tests" / name).write_text((ROOT / "tests" / name).read_text())
    (tmp_path / "tests" / "test_pages.py").write_text(SOURCE)
    (tmp_path / "tests" / "page.txt").write_text("first")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")

    def run(expression):
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", expression]
        result = subprocess.run(
            [sys.executable, "-m", "pytest", *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout.splitlines()[-1].partition(" in ")[0]

    return run


def test_slow_test_runs_until_it_has_passed_and_when_its_page_changes(run, tmp_path):
    page = tmp_path / "tests" / "page.txt"
    assert run("not slow") == "2 deselected"  # there is no record yet
    assert run("slow") == "2 passed"
    assert run("not slow") == "2 deselected"
    page.write_text("broken")
    assert run("not slow") == "1 failed, 1 deselected"
    page.write_text("first")
    assert run("not slow") == "1 passed, 1 deselected"  # the failure ended its record
